"""Archived jobs and clean-up."""
