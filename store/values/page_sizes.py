"""How many rows a page or a list has."""

PAGE_SIZE = 500
"""Rows of a list without a limit, in the library and in commands."""
MAX_LIMIT = 10_000
"""The largest limit that a caller may set."""
WINDOW_ROWS = 500
"""Rows that the dashboard's list loads at once."""
EXPORT_ROWS = 1_000
"""Rows that `gjobs jobs export` reads at once. Each page is its own short transaction and starts after the last row of
the page before.
"""
SCREEN_EXPORT_ROWS = 200
"""Rows that an export in the dashboard reads at once. A page is written without a visible pause."""
ARCHIVE_ROWS = 100
"""Rows that the dialog of archived jobs loads at once."""
FOUND_USERS = 50
"""Users found by a search without a limit."""
JOURNAL_ENTRIES = 100
"""Entries that `gjobs journal` shows without a limit."""
