"""Budgets panel, list and form."""
