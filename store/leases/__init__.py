"""Leases: which worker holds which job."""
