"""`gjobs`, `gjobs demo` and `gjobs snapshot`."""
