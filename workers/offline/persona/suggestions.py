"""What a person might say next, without a model: a line that goes on from the persona's last one."""

import re
from collections.abc import Sequence
from typing import Final

ANSWERS: Final = (
    "Yes. Though I would like to hear first what you think.",
    "I'm not sure. Why do you ask?",
    "No, I don't think so. What about you?",
    "Let me think about that for a moment … Yes, I believe so.",
    "That depends. What would you do in my place?",
    "I'd rather not say just yet. You first.",
)
"""To a question."""
REPLIES: Final = (
    "Tell me more about that.",
    "And what happened then?",
    "I did not expect that. How did you come to it?",
    "What would you like to do now?",
    "Show me.",
    "Is that how you always see it?",
    "I see. And what do you want from me?",
    "Go on, I'm listening.",
)
"""To anything else."""
OPENINGS: Final = ("Hello. Who are you?", "Good evening. May I sit down?", "Hello. What are you doing here?")
"""Where nothing was said yet."""
_ACTION: Final = re.compile(r"\*[^*]*\*")


def line(told: Sequence[tuple[bool, str]], seed: int) -> str:
    """Return a line behind what was ``told``: whether the persona said it, and what. None comes back while others do.

    It is in English: without a model nothing else can be said about what was meant.
    """
    last = next((text for persona, text in reversed(told) if persona), "")
    lines = OPENINGS if not last else ANSWERS if _asks(last) else REPLIES
    said = {text.strip() for persona, text in told if not persona}
    fresh = [each for each in lines if each not in said] or list(lines)
    return fresh[seed % len(fresh)]


def _asks(text: str) -> bool:
    """Return whether a text ends with a question, whatever its speaker does behind it."""
    return _ACTION.sub("", text).rstrip(" \n\"”»'").endswith(("?", "？", "؟"))
