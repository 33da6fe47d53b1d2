"""Exports the current list to a file or to the clipboard."""
