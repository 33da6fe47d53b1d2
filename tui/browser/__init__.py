"""Serves the dashboard to browsers: access, pages, and a process for each tab."""
