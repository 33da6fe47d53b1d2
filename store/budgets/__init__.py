"""Limits of what jobs may cost, and what is spent of them. Pure: the database keeps them, whoever writes."""
