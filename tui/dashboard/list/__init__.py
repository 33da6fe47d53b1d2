"""The live job list."""
