"""The terminal for generation jobs. `gjobs.store` is the library."""
