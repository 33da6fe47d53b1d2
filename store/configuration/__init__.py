"""The person's configuration file: read and checked, never written."""
