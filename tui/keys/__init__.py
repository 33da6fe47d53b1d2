"""Which key does what: the bindings, a person's own, and how they are told."""
