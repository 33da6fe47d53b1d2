"""Project list; picking and creating projects."""
