"""AI functions that make personas and write about them."""
