"""Case for a ticket: redaction, Markdown, JSON document and files."""
