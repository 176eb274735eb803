"""Trials of a model: stories and chats played by nobody, through everything that people's go through."""
