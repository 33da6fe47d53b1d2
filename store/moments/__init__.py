"""Jobs and numbers as they were at an earlier moment, from events and archive."""
