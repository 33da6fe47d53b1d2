"""What a list would cost the server before it is read, and what would make it cheaper."""
