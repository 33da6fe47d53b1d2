"""What jobs do while somebody watches: each change of status, in order."""
