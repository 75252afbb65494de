"""One file a task: what is computed, how we do it, how others do it, and what is right."""
