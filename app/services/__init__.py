"""Use cases in plain Python: the only place where the method meets storage."""
