"""The dashboard in a browser tab: its process and its driver."""
