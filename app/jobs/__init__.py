"""Training runs as child processes: launched, followed through their event file, and settled."""
