"""Which action each request or key starts."""
