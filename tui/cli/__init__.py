"""The command line. Scripts can do everything with jobs that the dashboard can."""
