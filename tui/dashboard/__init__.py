"""The Textual dashboard, with one folder for each feature."""
