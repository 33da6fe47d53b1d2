"""budgets panel, list and form"""
