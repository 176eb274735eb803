"""Facts as lines, "Ida: lives in Lyon.": what small models are asked for instead of JSON."""

import re
from collections.abc import Sequence
from typing import Any, Final

from workers.craft.prose import Prose, stems

FEW: Final = 4
"""Facts of one call at most: a small model that writes more repeats itself."""
GROUNDED: Final = 0.6
"""Share of a fact's content words that its line must have: what a small model adds is invented."""
_SAID: Final = r"[^\n:：;#*_`|<>\[\]{}()\\]{8,110}\."
_OF_SELF: Final = re.compile(
    r"(?:i|my|we|our|ich|mein\w{0,2}|wir|je|j['’]|mon|ma|mes|nous|yo|mis?|io|eu|ik|я|мой|моя)\b", re.IGNORECASE
)
"""What somebody said of themselves, word by word: it is about nobody else."""
_LINE: Final = re.compile(r"^[ \t*•-]*(?P<about>[^\n:：]{1,60})[:：] *(?P<fact>\S[^\n]*)$", re.MULTILINE)


def facts_pattern(names: Sequence[str]) -> str:
    """Return the pattern of one to four facts about ``names``; "" if there is nobody."""
    about = "|".join(re.escape(name) for name in dict.fromkeys(names) if name.strip() and "\n" not in name)
    one = f"({about}): {_SAID}"
    return rf"{one}(\n{one}){{0,{FEW - 1}}}" if about else ""


def read_facts(text: str, lines: Sequence[tuple[str, str]]) -> list[dict[str, Any]] | None:
    """Return the facts of lines that stand in what was said, each with the number of that; None of a text without any.

    ``lines`` are speakers and what they said.
    """
    matches = list(_LINE.finditer(text))
    if not matches or text.lstrip().startswith(("{", "[", "```")):
        return None
    told = [frozenset(stems(Prose(f"{speaker} {said}").words)) for speaker, said in lines]
    found: list[dict[str, Any]] = []
    for match in matches[:FEW]:
        about, said = match["about"].strip(), match["fact"].strip()
        words = set(stems(Prose(said).words))
        number = max(range(len(told)), key=lambda at: len(words & told[at]), default=0)
        if not words or not told or len(words & told[number]) < GROUNDED * len(words):
            continue
        speaks = _OF_SELF.match(said) is not None
        if speaks and about.casefold() != lines[number][0].casefold():
            continue
        fact = f"{about}: {said}" if speaks else f"{about} {said}" if said[:1].islower() else said
        found.append({"about": about, "fact": fact, "line": number + 1})
    return found
