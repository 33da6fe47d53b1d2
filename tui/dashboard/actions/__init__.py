"""What an action may use: the app's services, and the selected jobs."""
