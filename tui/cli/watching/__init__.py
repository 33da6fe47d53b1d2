"""What becomes of each transition that `gjobs watch` sees: who is told, and when it is enough."""
