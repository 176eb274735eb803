"""Where plain text goes, by topic: into the story that is open, to the persona of the chat, and what packages add."""
