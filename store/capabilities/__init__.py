"""What a database offers to a login, and for what it does not offer, why.

These values need no driver. `probing` asks a database, and `probed` keeps its answer."""
