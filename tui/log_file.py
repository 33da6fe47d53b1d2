"""Where warnings go: a file, for the terminal belongs to the dashboard."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path


def log_to_file(directory: Path) -> Path:
    """Made when the first line is written. Returns the file."""
    path = directory / "gjobs.log"
    directory.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    return path
