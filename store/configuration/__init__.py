"""The configuration file, its profiles, and the settings of a command. gjobs writes only saved views."""
