"""What a persona's card tells a model: its texts, with their macros replaced, as elements of a context.

What other programs' cards ask for is honoured: a system prompt stands in place of the product's rules, around them
where it says ``{{original}}``; example dialogue is left out first; a text may stand at a depth of the history.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from db.personas.card import PersonaCard
from db.personas.macros import SOMEBODY, MacroValues, expand
from workers.context.build import Build
from workers.context.elements import CharacterElement, ContentType, LoreElement, Priority

PREFIX: Final = "card:"
EXAMPLES: Final = "example_dialogue"
DEPTH_PROMPT: Final = "card:depth_prompt"
AUTHORS_NOTE: Final = "note:author"
NOTES: Final = frozenset({DEPTH_PROMPT, AUTHORS_NOTE})
"""What is said before some message without being lore: by the card, and by the author of the chat."""
SHEET: Final[dict[str, Priority]] = {
    "description": "high", "appearance": "high", "personality": "high", "interests": "medium",
    "preferences": "medium", "speaking_style": "high", "scenario": "high", "post_history": "high",
}  # fmt: skip
"""The texts of a card but for its system prompt and its examples, by how much they are needed."""
UNTOLD: Final = frozenset({
    "source", "lorebook", "assets", "creator", "creator_notes", "translated_notes", "tags", "version", "greeting",
    "alternate_greetings", "group_greetings",
})  # fmt: skip
"""What is for people and programs; greetings are messages of the chat, the lorebook is read by itself."""
LISTS: Final = ("personality", "interests")
_ORIGINAL: Final = re.compile(r"\{\{\s*original\s*\}\}", re.IGNORECASE)
_START: Final = re.compile(r"^[ \t]*<start>[ \t]*$", re.IGNORECASE | re.MULTILINE)


def told_card(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a stored card may reach a model at all."""
    return {name: value for name, value in stored.items() if name not in UNTOLD}


def drawn_card(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored card as pictures are made from it: macros replaced, looks from the description without others."""
    card = PersonaCard.lenient(stored)
    values = MacroValues(card.called, SOMEBODY)
    plain = {name: expand(getattr(card, name), values, name) for name in ("description", "appearance", "preferences")}
    looks = plain["appearance"].strip() or plain["description"]
    traits = {name: [expand(each, values, name) for each in getattr(card, name)] for name in LISTS}
    return {**told_card(stored), **traits, "preferences": plain["preferences"], "appearance": looks}


def replaces_rules(card: PersonaCard) -> bool:
    """Return True if a card's system prompt stands in place of the product's rules, not around them."""
    return bool(card.system_prompt.strip()) and _ORIGINAL.search(card.system_prompt) is None


def sheet_of(card: PersonaCard) -> str:
    """Return the texts of a card that describe the persona, one per line: what a reply should not recite."""
    values = (getattr(card, name) for name in SHEET if name != "post_history")
    return "\n".join(text for value in values for text in (value if isinstance(value, tuple) else (value,)) if text)


def card_elements(card: PersonaCard, values: MacroValues) -> Iterator[CharacterElement | LoreElement]:
    """Yield the texts of a card; ``values`` are what their macros stand for."""
    before, _, after = _ORIGINAL.sub("\0", card.system_prompt, count=1).partition("\0")
    for name, text in (("system_before", before), ("system_after", after)):
        yield _element(name, expand(text, values, name), "system prompt")
    for name, priority in SHEET.items():
        value = getattr(card, name)
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        yield _element(name, expand(text, values, name), name.replace("_", " "), priority)
    for at, text in enumerate(filter(str.strip, _START.split(card.example_dialogue))):
        name = f"{EXAMPLES}:{at}" if at else EXAMPLES
        yield _element(name, expand(text.strip(), values, name), "example dialogue", "low", "dialogue", order=at)
    if card.depth_prompt is not None:
        yield LoreElement(
            id=DEPTH_PROMPT,
            text=expand(card.depth_prompt.text, values, "depth_prompt"),
            label="depth prompt",
            priority="high",
            depth=card.depth_prompt.depth,
            volatile=True,
        )


def card_variables(build: Build, *, replaces: bool) -> dict[str, Any]:
    """Return what a prompt is told of a card; ``replaces`` is what `replaces_rules` says."""
    found = {each.id.removeprefix(PREFIX): each.text for each in build.early if each.kind == "character"}
    examples = [text for name, text in found.items() if name.partition(":")[0] == EXAMPLES]
    sheet = {name: text for name, text in found.items() if name.partition(":")[0] != EXAMPLES}
    sheet.pop("post_history", None)
    return {
        **sheet,
        **{name: [sheet[name]] for name in LISTS if name in sheet},
        **({EXAMPLES: "\n\n".join(examples)} if examples else {}),
        "overridden": replaces and "system_before" in sheet,
    }


def last_words(build: Build) -> list[str]:
    """Return what a card, and the author of the chat, want said behind the last message."""
    deep = [
        each.text
        for each in build.late
        if each.id in NOTES and isinstance(each.element, LoreElement) and each.element.depth == 0
    ]
    return [*(each.text for each in build.early if each.id == f"{PREFIX}post_history"), *deep]


def _element(
    name: str, text: str, label: str, priority: Priority = "high", content: ContentType = "sheet", order: int = 0
) -> CharacterElement:
    return CharacterElement(
        id=PREFIX + name, text=text, label=label, priority=priority, own_layer="B", content=content, order=order
    )
