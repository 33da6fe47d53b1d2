"""The Textual dashboard. The page on architecture lists its folders, from the app down to the widgets."""
