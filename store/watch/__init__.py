"""Status changes of jobs as they happen."""
