"""Failures grouped by their error: fingerprints, their SQL, and the groups of a time window."""
