"""What keys do to the database: questions, writes, and what a person looks for."""
