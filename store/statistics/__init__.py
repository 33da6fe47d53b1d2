"""Counts, costs and timings."""
