"""Acting as a user; visibility; isolation check."""
