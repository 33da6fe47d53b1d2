"""The Textual dashboard, a folder for each feature."""
