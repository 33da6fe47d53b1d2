"""The job table, its filter and its title."""
