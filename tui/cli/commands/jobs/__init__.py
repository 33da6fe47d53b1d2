"""`gjobs jobs`: list, show, create, update, transition and delete."""
