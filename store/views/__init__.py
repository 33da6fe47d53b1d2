"""Lists that somebody gave a name: configured by hand, or saved from the dashboard in a file of its own."""
