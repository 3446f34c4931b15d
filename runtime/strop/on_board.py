"""What a board runs for `--target`, as `python -m strop.on_board`: one task, in a child process."""

from __future__ import annotations

import sys

from strop.supervised import supervised


def _perform() -> int:
    from strop.runtime.commands.perform import main

    return main()


if __name__ == "__main__":
    sys.exit(supervised(_perform))
