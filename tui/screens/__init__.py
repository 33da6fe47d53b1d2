"""The screens and dialogs; each receives frozen values and answers with messages or results."""
