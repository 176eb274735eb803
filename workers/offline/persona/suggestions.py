"""What a person might say next, without a model: a line that goes on from the persona's last one."""

import re
from collections.abc import Sequence
from typing import Final

from workers.offline.grammar import expand
from workers.offline.persona.tongues import tongue_lines, tongue_of

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
_FORMS: Final = 3
"""Forms of each line of another language among which one is chosen."""
_ACTION: Final = re.compile(r"\*[^*]*\*")


def line(told: Sequence[tuple[bool, str]], seed: int, name: str = "") -> str:
    """Return a line behind what was ``told``: whether the persona, called ``name``, said it, and what.

    None comes back while there are others. It is in the language of the chat if that is an offered one, else English.
    """
    last = next((text for persona, text in reversed(told) if persona), "")
    own = [text for persona, text in told if not persona]
    said = {text.strip() for text in own}
    tongue = tongue_of(last) or (tongue_of(own[-1]) if own else None)
    if last and tongue is not None:
        forms = tongue_lines()[tongue[0]].unknown
        lines = [expand(form, {"user": name or "…"}, seed, at) for at, form in enumerate(forms * _FORMS)]
    else:
        lines = list(OPENINGS if not last else ANSWERS if _asks(last) else REPLIES)
    fresh = [each for each in lines if each not in said] or lines
    return fresh[seed % len(fresh)]


def _asks(text: str) -> bool:
    """Return whether a text ends with a question, whatever its speaker does behind it."""
    return _ACTION.sub("", text).rstrip(" \n\"”»'").endswith(("?", "？", "؟"))
