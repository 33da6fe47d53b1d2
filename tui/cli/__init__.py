"""The command line: everything that the dashboard can do to a job, for scripts."""
