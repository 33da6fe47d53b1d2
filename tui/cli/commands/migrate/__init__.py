"""`gjobs migrate`: the schema of the chosen database. The database is always named before it is changed."""
