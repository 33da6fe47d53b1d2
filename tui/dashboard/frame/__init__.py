"""The app and its screen: they deliver keys and events to everything below."""
