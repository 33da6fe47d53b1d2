"""The ordered, filtered list of jobs."""
