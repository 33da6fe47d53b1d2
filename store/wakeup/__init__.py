"""Being told of changes, so that they are looked at soon. A hint and no more: polling stays the truth."""
