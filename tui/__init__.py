"""The dashboard (Textual) and the command line."""
