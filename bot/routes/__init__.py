"""Routing of plain text, by topic: to the open story, to the persona of the chat, and to what packages add."""
