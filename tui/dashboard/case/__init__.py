"""Case of a user or a job, in a dialog."""
