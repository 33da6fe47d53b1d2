"""What is there beside what a user sees of it, and why."""
