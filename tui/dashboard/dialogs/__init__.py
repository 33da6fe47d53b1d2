"""Base dialogs that the features use."""
