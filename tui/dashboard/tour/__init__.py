"""The tour of the first start: six steps above the footer."""
