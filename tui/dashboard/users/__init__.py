"""acting as a user; what a user sees"""
