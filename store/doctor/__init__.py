"""What a database is, and what is wrong with it: `examine` reads, `model` has the values that it returns."""
