"""What finished while the person looked elsewhere: told by a toast, a bell, and the desktop."""
