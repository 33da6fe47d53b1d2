"""Whether one user reaches what is another's: tried against the database, or judged from its policies.

`model` has the values and needs no driver; `check` runs it."""
