"""What happened to a job, from its making on, and how long it was in each status."""
