"""The statements, as SQLAlchemy Core: each with a LIMIT, and with its guard in itself. Nothing here runs them."""
