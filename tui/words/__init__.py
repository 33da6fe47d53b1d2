"""What is shown, as cleaned text: pure functions of values."""
