"""AI functions: one class each, run by one engine. Found by name (registry)."""
