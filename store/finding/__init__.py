"""From some letters or digits to the thing."""
