"""Start, complete, fail, retry, delete, create, undo."""
