"""Where warnings go, and what we say of ourselves: a file, for the terminal belongs to the dashboard."""

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path


def log_to_file(directory: Path) -> None:
    """Readable by its owner alone. A directory that cannot be written costs the log and nothing else."""
    logging.basicConfig(level=logging.WARNING, handlers=[_handler(directory)], force=True)
    for ours in ("store", "tui"):
        logging.getLogger(ours).setLevel(logging.INFO)


def _handler(directory: Path) -> logging.Handler:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "gjobs.log"
        path.touch(mode=0o600)
        handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1, encoding="utf-8")
    except OSError:
        return logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    return handler
