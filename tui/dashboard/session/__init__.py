"""The open database: its poller, its choice, and its past."""
