"""The parts of the screen around the job list."""
