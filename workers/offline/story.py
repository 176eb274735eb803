"""The story grammar: what page follows from a premise, a seed and the choices made so far.

Everything is a pure function of these. A story runs through an opening, a meeting, complications, a turn, more
complications, a climax and an ending, in eight to twelve pages: bold players get there sooner, careful ones later.
Scenes and beats are shared out by page number, so no two pages within reach of each other can use the same one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

from workers.offline.catalog import KINDS, Ending, Extra, Option, SceneTemplate, catalog
from workers.offline.dice import pick, roll, share, shuffled
from workers.offline.english import second_person
from workers.offline.grammar import Value, expand, slots_of
from workers.offline.page_choices import WrittenChoice, choices_from_page, quoted_choices
from workers.offline.premise import World, build_world, clean

StepKind = Literal["bold", "careful", "curious", "own"]
Phase = Literal["opening", "meeting", "complication", "turn", "climax", "ending"]

WINDOW = 12
"""Pages within which nothing repeats: the longest story."""
MIN_WORDS, MAX_WORDS = 165, 255
_MAX_ACTION_CHARS = 160
_COMPLICATION_PAGES = 7
_PREMISE_CHARS = 4000
_QUOTES = '"“”‘«'


@dataclass(frozen=True, slots=True)
class TakenChoice:
    """One choice on the way to a page."""

    text: str
    kind: StepKind


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the tree of a story: ``page`` is 1-based, ``variant`` counts retries of this page."""

    world: World
    path: tuple[TakenChoice, ...]
    page: int
    variant: int = 0


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """A written page; paragraphs are separated by blank lines."""

    title: str
    text: str
    ending: bool


def write_page(position: Position) -> WrittenPage:
    """Return the page at ``position``."""
    world, page = position.world, position.page
    phase = phase_of(position)
    key = (world.key, "page", page, position.variant)
    beats = catalog().beats
    parts: list[str] = []
    if position.path:
        parts.append(_uptake(position))
    if phase == "ending":
        ending = _ending(position)
        coda = expand(pick(world.words.codas, *key, "coda"), world.slots, *key)
        parts += [expand(ending.text, world.slots, *key), f"{_recap(position)} {coda}"]
        return WrittenPage(expand(ending.title, world.slots, *key), _join(parts), ending=True)
    scene = _scene(position, phase)
    if phase == "opening":
        parts.append(expand(_turn_of(beats.intros, position, "intro"), world.slots, *key))
    if phase in ("complication", "turn", "climax"):
        spot = _turn_of(world.words.spots, position, "spot")
        slots = {**world.slots, "spot": spot}
        arrival = expand(_turn_of(beats.arrivals, position, "arrival"), slots, *key)
        parts.append(f"{arrival} {expand(_turn_of(world.words.atmosphere, position, 'air'), slots, *key)}")
    elif phase == "meeting":
        parts.append(expand(_turn_of(world.words.atmosphere, position, "air"), world.slots, *key))
    body = expand(scene.text, world.slots, world.key, scene.title, page).strip()
    pools = [("pressure", beats.pressure), ("musing", beats.musings)]
    if phase not in ("opening", "meeting"):
        pools.insert(page % 2, ("companion", beats.companion))
    for name, pool in pools:
        if _count([*parts, body]) >= MIN_WORDS:
            break
        beat = expand(_turn_of(pool, position, name), world.slots, *key)
        if _count([*parts, body, beat]) <= MAX_WORDS:
            parts.append(beat)
    return WrittenPage(expand(scene.title, world.slots, *key), _join([*parts, body]), ending=False)


def suggest_choices(position: Position, count: int, page_text: str = "", language: str = "en") -> list[WrittenChoice]:
    """Return ``count`` (2 to 4) choices for the page at ``position``, about what is on it.

    ``page_text`` may come from another engine, in ``language``: then the choices are taken from its own sentences.
    """
    count = min(4, max(2, count))
    world = position.world
    phase = phase_of(position)
    scene = None
    if phase != "ending":
        scene = _scene(position, phase)
        if page_text and not _is_on(scene, position, page_text):
            scene = next((other for other in _pool(position, phase) if _is_on(other, position, page_text)), None)
    if scene is None:
        if page_text and not language.startswith("en"):
            return quoted_choices(page_text, count)
        choices = choices_from_page(page_text)
    else:
        kinds = shuffled(KINDS, world.key, position.page, scene.title)
        choices = [WrittenChoice(expand(scene.option(kind).do, world.slots), kind) for kind in kinds]
    taken = {choice.text for choice in choices}
    for extra in _extras(position):
        text = expand(extra.do, world.slots)
        if text not in taken:
            choices.append(WrittenChoice(text, extra.kind))
    return choices[:count]


def phase_of(position: Position) -> Phase:
    """Return the phase of the arc that the page belongs to."""
    page, last, turn = position.page, length_of(position), _turn_page(position)
    if page <= 2:
        return "opening" if page == 1 else "meeting"
    if page >= last:
        return "ending"
    if page == last - 1:
        return "climax"
    return "turn" if page == turn else "complication"


def length_of(position: Position) -> int:
    """Return the page number of the ending: 8 to 12, from the seed and the first six choices."""
    kinds = [step.kind for step in position.path[:6]]
    lean = kinds.count("careful") + kinds.count("curious") // 2 - kinds.count("bold") - kinds.count("own") // 2
    return 9 + roll(3, position.world.key, "length") + (lean >= 3) - (lean <= -3)


def _turn_page(position: Position) -> int:
    return 5 + roll(2, position.world.key, "turn")


def prevailing_kind(path: Sequence[TakenChoice]) -> StepKind:
    """Return the most frequent kind of choice; of equals, the later one."""
    kinds: list[StepKind] = [step.kind for step in path] or ["curious"]
    return max(kinds, key=lambda kind: (kinds.count(kind), len(kinds) - kinds[::-1].index(kind)))


def _scene(position: Position, phase: Phase) -> SceneTemplate:
    pool = _pool(position, phase)
    if phase == "complication":
        ordinal = position.page - 3 - (position.page > _turn_page(position))
        pool = share(pool, ordinal, _COMPLICATION_PAGES, position.world.key, phase)
    start = roll(len(pool), position.world.key, *position.path)
    return pool[(start + position.variant) % len(pool)]


def _pool(position: Position, phase: Phase) -> list[SceneTemplate]:
    material = catalog()
    scenes = {
        "opening": material.openings,
        "meeting": material.meetings,
        "turn": material.turns,
        "climax": material.climaxes,
    }.get(phase, material.complications)
    return [scene for scene in scenes if not scene.genres or position.world.genre in scene.genres]


def _ending(position: Position) -> Ending:
    kind = prevailing_kind(position.path)
    pool = [ending for ending in catalog().endings if ending.kind == kind]
    return pool[(roll(len(pool), position.world.key, *position.path) + position.variant) % len(pool)]


def _turn_of(pool: Sequence[str], position: Position, name: str) -> str:
    """Return this page's entry of a pool of beats, which no other page of the window can get."""
    mine = share(pool, position.page, WINDOW, position.world.key, name)
    return mine[(roll(len(mine), position.world.key, *position.path) + position.variant) % len(mine)]


def _uptake(position: Position) -> str:
    """Return the paragraph that takes up the last choice: its own consequence if it is one of ours."""
    world, step = position.world, position.path[-1]
    key = (world.key, "uptake", position.page, position.variant)
    wanted = _plain(step.text)
    for option in _options():
        if _plain(expand(option.do, world.slots)) == wanted:
            return expand(option.then, world.slots, *key)
    beats = catalog().beats
    text = clean(step.text, _MAX_ACTION_CHARS)
    phrase = second_person(text) if text else "act without a word"
    if text[:1] in _QUOTES or text.endswith("?") or '"' in text[:40]:
        frame = _turn_of(beats.words_spoken, position, "spoken")
    else:
        frame = _turn_of(beats.deeds if phrase else beats.quoted, position, "deed")
    slots: dict[str, Value | str] = {
        **world.slots,
        "deed": phrase or "",
        "words": re.sub(r"[.…]+$", "", text.strip(_QUOTES + " ")).replace('"', "’"),
    }
    result = _turn_of(beats.results[step.kind], position, f"result {step.kind}")
    return f"{expand(frame, slots, *key)} {expand(result, world.slots, *key)}"


def _options() -> list[Option | Extra]:
    options: list[Option | Extra] = [scene.option(kind) for scene in catalog().scenes() for kind in KINDS]
    return [*options, *catalog().extras]


def _extras(position: Position) -> list[Extra]:
    extras = catalog().extras
    if position.page == 1:
        # No one has been met yet, and the pockets are empty.
        unmet = {"companion", "companion_role", "token"}
        return [extra for extra in extras if not slots_of(extra.do + extra.then) & unmet]
    return share(extras, position.page, WINDOW, position.world.key, "extras")


def _is_on(scene: SceneTemplate, position: Position, page_text: str) -> bool:
    world = position.world
    return expand(scene.text, world.slots, world.key, scene.title, position.page).strip() in page_text


def _recap(position: Position) -> str:
    deeds: list[str] = []
    for step in position.path:
        text = clean(step.text, 90)
        phrase = second_person(text)
        if phrase and not text.endswith(("…", "?")) and phrase not in deeds:
            deeds.append(phrase)
    if len(deeds) < 2:
        return ""
    world = position.world
    first = roll(len(deeds) // 2, world.key, "first deed")
    later = len(deeds) // 2 + roll(len(deeds) - len(deeds) // 2, world.key, "later deed")
    slots: dict[str, Value | str] = {**world.slots, "deed_one": deeds[first], "deed_two": deeds[later]}
    return expand(pick(catalog().beats.recaps, world.key, position.variant), slots, world.key)


def position_of(inputs: Mapping[str, Any]) -> Position:
    """Return the place that the inputs of a story's function describe; any values make one.

    Reads ``title``, ``premise``, ``genre``, ``seed``, ``variant``, ``page_number`` and ``path``.
    """
    path = parse_path(inputs.get("path"))
    # A caller may send only the end of a long path; the page number is then larger than the path says.
    page = max(_integer(inputs, "page_number", 1), len(path) + 1)
    premise = str(inputs.get("premise") or inputs.get("title") or "")
    world = _world(premise[:_PREMISE_CHARS], str(inputs.get("genre") or ""), _integer(inputs, "seed", 0))
    return Position(world, path, page, max(0, _integer(inputs, "variant", 0)))


def parse_path(value: object) -> tuple[TakenChoice, ...]:
    """Return the steps of a path; an unknown kind counts as the player's own action."""
    steps: list[TakenChoice] = []
    for item in cast("list[object]", value) if isinstance(value, list | tuple) else []:
        entry = cast("dict[str, object]", item) if isinstance(item, dict) else {}
        kind = entry.get("kind")
        known: StepKind = kind if kind in ("bold", "careful", "curious") else "own"
        steps.append(TakenChoice(str(entry.get("text") or ""), known))
    return tuple(steps)


@lru_cache(maxsize=256)
def _world(premise: str, genre: str, seed: int) -> World:
    return build_world(premise, genre, seed)


def _integer(inputs: Mapping[str, Any], name: str, default: int) -> int:
    value = inputs.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def _plain(text: str) -> str:
    return " ".join(text.split()).rstrip(".!").casefold()


def _count(parts: Sequence[str]) -> int:
    return sum(len(part.split()) for part in parts)


def _join(parts: Sequence[str]) -> str:
    paragraphs = [
        " ".join(line.split()) for part in parts for line in re.split(r"\n\s*\n", part.strip()) if line.strip()
    ]
    return "\n\n".join(paragraphs)
