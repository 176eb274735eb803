"""Steps of memory: read what is new, summarise it, learn from it, and keep all of that in one transaction."""
