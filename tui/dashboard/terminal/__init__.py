"""What the terminal sends, shows and copies."""
