"""The schema's history. Importing this package is cheap: Alembic is imported only where a migration runs."""

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
"""Oldest first. A constant, so that a command learns what has to run without importing Alembic."""

HEAD = REVISIONS[-1]

APART = ("0003", "0004", "0006")
"""Those whose work is not within a transaction: the others are never undone together with them."""
