"""Spending limits of users and projects. The database enforces them for every writer of jobs."""
