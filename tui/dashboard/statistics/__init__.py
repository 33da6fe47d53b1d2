"""Costs panel and timings."""
