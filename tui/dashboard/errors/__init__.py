"""The errors screen: failures grouped by their error."""
