"""Clean-up, archive and retention policies. Old jobs go in batches, each in a short transaction."""
