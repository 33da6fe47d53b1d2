"""start, complete, fail, retry, delete, create, undo"""
