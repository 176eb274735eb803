"""Shared by all engines for servers with OpenAI's API."""
