"""Jobs: values, workflow, writes and history."""
