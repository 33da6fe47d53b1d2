"""The journal: what this account's dashboards and commands have written to databases, kept on this machine."""

from store.journal.entry import JournalEntry
from store.journal.journal import Journal
from store.journal.reading import Reading, read_journal

__all__ = ["Journal", "JournalEntry", "Reading", "read_journal"]
