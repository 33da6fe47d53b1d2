"""When a running job is stuck, and why it is called so."""
