"""Runs the command line: `python -m gjobs`."""

import sys

from gjobs.tui.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
