"""How much of an answer is read, on both sides of the pipe to `workers.functions.json_reader`."""

from typing import Final

MAX_CHARS: Final = 50_000
"""Characters of an answer that are looked at, several times the longest asked for."""
MAX_DEPTH: Final = 32
"""Levels of nested JSON. Deeper nesting is a runaway model, and costs parsers their stack."""
MAX_DIGITS: Final = 400
"""Digits of one number. Python refuses integers of more than 4300 digits, and nobody asks for half of that."""
MAX_CANDIDATES: Final = 8
"""Objects in one answer that are tried."""
READ_S: Final = 2
"""Longest time to make sense of a broken answer, in seconds."""
