"""Whether one user can reach another user's rows: tried in the database, or judged from its policies."""
