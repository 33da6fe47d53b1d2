"""The schema's migrations. Importing this package is cheap: only running a migration imports Alembic."""

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")
"""Oldest first. A constant, so that commands know the pending revisions without importing Alembic."""

HEAD = REVISIONS[-1]

APART = ("0003", "0004", "0006")
"""Revisions with work outside a transaction. Downgrades never undo other revisions together with them."""
