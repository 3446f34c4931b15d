"""Runs a model in a page of headless Chromium, which can reach 127.0.0.1 and nothing else.

The page fetches the artifact and the pixels, lets a program's own JavaScript compute, and posts the
scores.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

WEB = Path(__file__).with_name("web")
PAGE = "reader.html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
NODE_MODULES = "STROP_NODE_MODULES"  # environment variable: where the npm packages lie
IMPORT_MAP = '{"imports": {}}'  # in the pages, where the programs' own come
SILENCE_S = 120.0  # without a post: the page has crashed
STOP_S = 10.0
AGAIN_S = 0.05
MAX_POST_BYTES = 1 << 24
TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
}
ANY_TYPE = "application/octet-stream"
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class RefusedError(Exception):
    """The program's own words, or how the page ended."""


def with_imports(page: str, imports: Mapping[str, str]) -> str:
    """Put an import map into a page."""
    return page.replace(IMPORT_MAP, json.dumps({"imports": dict(imports)}))


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the page may fetch, and what it has posted.

    Attributes:
        files: Bytes by path.
        node_modules: Folder of the npm packages.
        posts: Path and bytes of each, in order.
    """

    files: Mapping[str, bytes]
    node_modules: Path
    posts: queue.Queue[tuple[str, bytes]] = field(default_factory=queue.Queue)

    def content(self, path: str) -> bytes | None:
        """Bytes at a path; None where there are none, or it leads out of the packages."""
        if path in self.files:
            return self.files[path]
        root = self.node_modules.resolve()
        found = (root.parent / path).resolve()
        return found.read_bytes() if found.is_relative_to(root) and found.is_file() else None


def scores_in_page(
    module: str, imports: Mapping[str, str], path: Path, pixels: NDArray[np.uint8] | None
) -> NDArray[np.float32]:
    """Let a page answer for all images.

    Args:
        module: File in web/ whose `openModel` runs an artifact.
        imports: The import map of the page: what the program's packages are imported as.
        path: The artifact.
        pixels: uint8 [N, height, width, channels].

    Returns:
        float32 [N, scores].

    Raises:
        RefusedError: The program does not take the file, or the page has crashed.
    """
    if pixels is None:
        raise RefusedError("a page is given pixels")
    page = (WEB / PAGE).read_text(encoding="utf-8")
    site = Site(
        files={
            PAGE: with_imports(page, imports).encode(),
            "reader.js": (WEB / "reader.js").read_bytes(),
            "model.js": (WEB / module).read_bytes(),
            "artifact": path.read_bytes(),
            "shape": json.dumps(pixels.shape).encode(),
            "pixels": np.ascontiguousarray(pixels).tobytes(),
        },
        node_modules=Path(os.environ[NODE_MODULES]),
    )
    with served(site) as address, opened(address + PAGE) as chromium:
        rows = [np.frombuffer(row, np.float32) for row in posted(site, chromium)]
    return np.stack(rows)


def posted(site: Site, chromium: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """The scores of one image after the other."""
    while True:
        try:
            path, body = site.posts.get(timeout=SILENCE_S)
        except queue.Empty:
            code = chromium.poll()
            how = f"no answer within {SILENCE_S:.0f} s" if code is None else f"exit code {code}"
            raise RefusedError(f"Chromium: {how}") from None
        if path == "done":
            return
        if path == "refused":
            raise RefusedError(body.decode(errors="replace"))
        yield body


@contextmanager
def served(site: Site) -> Iterator[str]:
    """Serve a site on a free port of 127.0.0.1; yields its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.lstrip("/")
            content = site.content(path)
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Type", TYPES.get(Path(path).suffix, ANY_TYPE))
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            self.wfile.write(content or b"")

        def do_POST(self) -> None:
            length = min(int(self.headers["Content-Length"]), MAX_POST_BYTES)
            site.posts.put((self.path.lstrip("/"), self.rfile.read(length)))
            self.send_response(204)
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Say nothing of each request."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@contextmanager
def opened(address: str) -> Iterator[subprocess.Popen[bytes]]:
    """Open a page in a browser with a profile of its own, both gone afterwards."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise RefusedError(f"none of {', '.join(BROWSERS)} is on the PATH")
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else FLAGS  # root cannot have one
    # Whoever started this process removes its folder and kills its group: neither a file nor a
    # process that Chromium leaves behind outlives them.
    with removed_at_last(tempfile.mkdtemp(dir=Path.cwd())) as profile:
        process = subprocess.Popen(
            [browser, *flags, f"--user-data-dir={profile}", address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.terminate()  # its own processes end with it
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def removed_at_last(folder: str) -> Iterator[str]:
    """Remove a folder in the end, though Chromium's helpers write there for a moment longer."""
    try:
        yield folder
    finally:
        give_up = time.monotonic() + STOP_S
        while Path(folder).exists() and time.monotonic() < give_up:
            shutil.rmtree(folder, ignore_errors=True)
            time.sleep(AGAIN_S)
