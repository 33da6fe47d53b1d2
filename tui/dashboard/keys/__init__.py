"""key bindings, palette, help"""
