"""The widgets of the dashboard, one a file, each with its style."""
