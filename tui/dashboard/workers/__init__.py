"""Workers and the jobs they hold."""
