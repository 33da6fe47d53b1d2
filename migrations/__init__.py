"""The schema's history. Importing this package is cheap: Alembic is imported only where a migration runs."""

HEAD = "0002"
"""The newest revision. A constant, so that a command learns that nothing has to run without importing Alembic."""
