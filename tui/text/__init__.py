"""Wording and formatting shared by dashboard and command line."""
