"""The manual: one Markdown page for each topic, read by `gjobs help` and by the dashboard's help."""
