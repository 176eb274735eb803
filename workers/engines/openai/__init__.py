"""What all engines over servers with OpenAI's interface have in common."""
