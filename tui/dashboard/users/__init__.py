"""Acting as a user; what a user sees."""
