"""`gjobs jobs`: list, export, show, create, update, transition and delete."""
