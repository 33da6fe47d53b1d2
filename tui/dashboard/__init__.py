"""the Textual dashboard"""
