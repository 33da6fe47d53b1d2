"""What a database offers to a login, and why something is missing."""
