"""Status changes as they happen."""
