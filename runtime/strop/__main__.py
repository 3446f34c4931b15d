"""The same command as `python -m strop`, where no `strop` is on the path."""

from __future__ import annotations

import sys

from strop.entry import main

if __name__ == "__main__":
    sys.exit(main())
