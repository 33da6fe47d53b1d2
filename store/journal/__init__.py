"""The journal: what this account's dashboards and commands have written to databases, kept on this machine."""
