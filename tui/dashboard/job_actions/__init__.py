"""Actions on jobs: start, complete, fail, retry, delete, create, undo."""
