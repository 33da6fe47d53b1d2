"""How a server is reached: its address, the few connections, and what breaks on the way."""
