"""The checks of `gjobs doctor`: what is wrong with a database, and the SQL that fixes it."""
