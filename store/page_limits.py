"""How many rows a list returns."""

PAGE_SIZE = 500
"""Rows of a list without a limit."""
FOUND_USERS = 50
"""Users found by a search without a limit."""
MAX_LIMIT = 10_000
"""The largest limit that a caller may set."""
