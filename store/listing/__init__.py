"""Lists of jobs of any length, of which some rows are held at a time."""
