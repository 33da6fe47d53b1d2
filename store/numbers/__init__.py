"""Counts and costs, each with how sure it is."""
