"""The expected schema of each revision, and its comparison with the live schema."""
