"""Text engines: llama.cpp in a child process, OpenAI-compatible servers, and templates that always succeed."""
