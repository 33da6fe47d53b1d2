"""The command line: all that the dashboard can do with jobs, for scripts."""
