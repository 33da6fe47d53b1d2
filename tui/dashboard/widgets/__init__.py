"""Widgets and messages that all parts of the screen share."""
