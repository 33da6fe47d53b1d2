"""Checks whether one user can reach another user's rows, by trying it or from the policies."""
