"""The text engine's benchmark: its models, its scenarios, those who compete, and what is measured of them."""
