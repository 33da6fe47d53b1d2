"""The configuration file, its profiles, and the settings that a command runs with. Only saved views are written."""
