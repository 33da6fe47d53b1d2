"""The demo: simulated activity, its controls, and scenarios."""
