"""The details of one job: as a dialog and as a pane."""
