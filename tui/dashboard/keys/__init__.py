"""Key bindings, command palette and help."""
