"""The SQL files that the revisions consist of."""

from pathlib import Path

from alembic import op
from sqlalchemy import TextClause, text

SQL = Path(__file__).parent / "sql"


def run_script(name: str) -> None:
    """Executes a file under `sql/` as one message, or prints it where the run is offline."""
    op.execute(load(name))


def load(name: str) -> TextClause:
    """The file as it stands: a colon in it is SQL's own, never a bound value."""
    script = (SQL / name).read_text(encoding="utf-8").strip().removesuffix(";")
    return text(script.replace(":", r"\:"))
