"""Formats of what people take with them."""
