"""Pictures: one protocol, several engines."""
