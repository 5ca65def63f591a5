"""One file a command: `register(commands)` adds its arguments, and its `run` does the work."""
