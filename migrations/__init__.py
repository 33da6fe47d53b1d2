"""The schema's migrations. Importing this package is cheap: only running a migration imports Alembic."""

from pathlib import Path

REVISIONS = tuple(sorted(file.stem for file in (Path(__file__).parent / "versions").glob("[0-9]*.py")))
"""Oldest first, read from the file names, so that a command learns what is pending without importing Alembic."""

HEAD = REVISIONS[-1]
