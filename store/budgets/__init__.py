"""Spending limits of users and projects. The database enforces them, whoever writes the jobs."""
