"""The time zone of the screen, and earlier moments."""
