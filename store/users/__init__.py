"""Users, and acting as one."""
