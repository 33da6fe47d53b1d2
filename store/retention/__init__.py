"""Clean-up, archive and retention policies. Old jobs are processed in batches, each in a short transaction."""
