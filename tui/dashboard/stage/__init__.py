"""The demo in the dashboard, and the presenter view."""
