"""The schema that each revision promises, and its comparison with the live schema."""
