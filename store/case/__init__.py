"""Case of one user: what support needs to know, read for a ticket."""
