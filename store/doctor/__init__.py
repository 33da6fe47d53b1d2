"""The checks of `gjobs doctor`: problems of a database, and the SQL that fixes them."""
