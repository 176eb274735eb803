"""Choices as numbered lines: what small models are asked for instead of JSON."""

import re
from typing import Final, Literal

Kind = Literal["bold", "careful", "curious"]
VERBS: Final[dict[Kind, tuple[str, ...]]] = {
    "bold": (
        "Attack", "Break", "Call", "Catch", "Chase", "Climb", "Cross", "Cut", "Demand", "Dive", "Drag", "Enter",
        "Fight", "Force", "Grab", "Jump", "Kick", "Knock", "Leap", "Open", "Pull", "Push", "Reach", "Run", "Rush",
        "Seize", "Shout", "Slip", "Smash", "Snatch", "Step", "Take", "Tear", "Throw", "Walk",
    ),
    "careful": (
        "Avoid", "Back", "Close", "Cover", "Creep", "Duck", "Gather", "Give", "Go back", "Guard", "Help", "Hide",
        "Hold", "Keep", "Leave", "Light", "Lock", "Make", "Offer", "Pack", "Pick", "Prepare", "Protect", "Put",
        "Retreat", "Return", "Sit", "Stand", "Stay", "Tell", "Tie", "Turn", "Wait", "Warn", "Wrap",
    ),
    "curious": (
        "Ask", "Check", "Compare", "Count", "Examine", "Find", "Follow", "Inspect", "Lean", "Lift", "Listen",
        "Look", "Move", "Peer", "Read", "Search", "Show", "Smell", "Speak", "Study", "Talk", "Taste", "Touch",
        "Trace", "Try", "Turn over", "Visit", "Watch",
    ),
}  # fmt: skip
"""How an action begins in English, by the kind of a choice: so none is a thing, a comment or another's words."""
KINDS: Final[tuple[Kind, ...]] = ("bold", "careful", "curious")
_LONGEST_VERB: Final = max(len(verb) for verbs in VERBS.values() for verb in verbs) + 1
_SHORTER: Final = 0.75
"""Share of the longest choice behind a verb: where a line may be longer, small models go on about something else."""
_KIND_OF: Final[dict[str, Kind]] = {verb.lower(): kind for kind in reversed(KINDS) for verb in VERBS[kind]}
_WORD: Final = re.compile(r"[^\W\d_]+")


def lines_pattern(count: int, language: str, opening: str, least: int, most: int) -> str:
    """Return the pattern of ``count`` numbered choices of ``least`` to ``most`` characters behind the ``opening`` "1.".

    In English each begins with a verb of another kind.
    """
    english = language.partition("-")[0].lower() == "en"
    most = max(least, min(round(most * _SHORTER), most - _LONGEST_VERB))
    lines: list[str] = []
    for at in range(count):
        rest = rf"[^\n:;?!*_#{{}}\[\]]{{{least},{most}}}"
        verbs = f"({'|'.join(VERBS[KINDS[at % len(KINDS)]])}) " if english else ""
        lines.append(rf"{at + 1}\. {verbs}{rest}")
    whole = r"\n".join(lines)
    return whole.removeprefix(rf"{opening[:-1]}\.") if opening else whole


def kind_of(text: str) -> Kind:
    """Return the kind of a choice by its verb; "curious" if that says nothing."""
    words = _WORD.findall(text.lower()[:_LONGEST_VERB])[:2]
    return _KIND_OF.get(" ".join(words)) or _KIND_OF.get("".join(words[:1])) or "curious"
