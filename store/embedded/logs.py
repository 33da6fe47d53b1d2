"""The server's log: a few files of a bounded size, looked at when a server starts."""

from pathlib import Path

_LARGEST = 1_000_000  # bytes
_OLD_ONES = 3
_SEVERE = ("FATAL:", "PANIC:", "error:", "error while")


def rotate(log: Path) -> None:
    """postgres.log becomes postgres.log.1 and so on, once it is large."""
    if size(log) <= _LARGEST:
        return
    for number in range(_OLD_ONES - 1, 0, -1):
        older = _numbered(log, number)
        if older.exists():
            older.replace(_numbered(log, number + 1))
    log.replace(_numbered(log, 1))


def size(log: Path) -> int:
    """In bytes; 0 without a log."""
    return log.stat().st_size if log.exists() else 0


def written_since(log: Path, offset: int) -> str:
    """The log from a byte on, as far as a person would look."""
    with log.open("rb") as file:
        file.seek(offset)
        return file.read(_LARGEST).decode("utf-8", "replace")


def complaint(said: str) -> str:
    """Why one of Postgres' programs ended: the last severe line of what it said, else the last, fit to be shown."""
    lines = said.strip().splitlines()
    severe = [line for line in lines if any(word in line for word in _SEVERE)]
    chosen = (severe or lines or ["it said nothing"])[-1]
    return "".join(character for character in chosen if character.isprintable())


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
