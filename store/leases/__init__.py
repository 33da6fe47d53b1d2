"""Which worker holds which job."""
