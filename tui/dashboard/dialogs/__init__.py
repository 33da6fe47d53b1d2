"""Base dialogs for all features."""
