"""How much of an answer is read, on both sides of the pipe to `workers.functions.json_reader`."""

from typing import Final

MAX_CHARS: Final = 50_000
"""Maximum length of an answer in characters, several times the longest wanted; the rest is ignored."""
MAX_DEPTH: Final = 32
"""Maximum depth of nested JSON. Deeper nesting comes from a runaway model, and exhausts a parser's stack."""
MAX_DIGITS: Final = 400
"""Maximum digits of a number. Python refuses to parse integers of more than 4300 digits."""
MAX_CANDIDATES: Final = 8
"""Maximum number of objects in an answer that are tried."""
READ_S: Final = 2
"""Maximum time to read a broken answer, in seconds."""
