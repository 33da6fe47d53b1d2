"""`gjobs budgets …`: limits of what jobs may cost."""
