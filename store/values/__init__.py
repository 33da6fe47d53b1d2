"""Values and text forms that all parts of the store share."""
