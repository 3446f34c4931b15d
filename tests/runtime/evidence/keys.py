"""SSH keys of alice and mallory, and the files that allow alice."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_keys(folder: Path) -> Path:
    """Write alice, mallory, signers (alice), and late (alice, until 2020) into the folder."""
    for name in ("alice", "mallory"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)],
            check=True,
        )
    public = (folder / "alice.pub").read_text()
    (folder / "signers").write_text(f"alice@example.org {public}")
    (folder / "late").write_text(f'alice@example.org valid-before="20200101" {public}')
    return folder
