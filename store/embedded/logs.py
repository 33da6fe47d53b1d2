"""The server's log: a few files of a bounded size, looked at when a server starts."""

from pathlib import Path

_LARGEST = 1_000_000  # bytes
_OLD_ONES = 3
_SEVERE = ("FATAL:", "PANIC:", "postgres: ")


def rotate(log: Path) -> None:
    """postgres.log becomes postgres.log.1 and so on, once it is large."""
    if not log.exists() or log.stat().st_size <= _LARGEST:
        return
    for number in range(_OLD_ONES - 1, 0, -1):
        older = _numbered(log, number)
        if older.exists():
            older.replace(_numbered(log, number + 1))
    log.replace(_numbered(log, 1))


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")


def last_complaint(log: Path, start: int) -> str:
    """Why a server ended: the last severe line written from an offset on, else the last line, for people to read."""
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read(_LARGEST).decode("utf-8", "replace").strip().splitlines()
    severe = [line for line in lines if any(word in line for word in _SEVERE)]
    chosen = (severe or lines or ["it said nothing"])[-1]
    return "".join(character for character in chosen if character.isprintable())
