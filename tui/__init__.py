"""What a person meets: the dashboard (Textual) and the command line beside it."""
