"""dialogs that features are made of"""
