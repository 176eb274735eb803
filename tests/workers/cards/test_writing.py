"""Cards written again: as they were but for what was changed, in every kind of file; and nothing is ever lost."""

import json
from collections.abc import Mapping
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from db.personas.card import CardAsset, DepthPrompt, PersonaCard, VisualWords
from tests.effort import times
from tests.workers.cards.made import V1, V2, V3, V3_DATA, as_json, packed, png, text, zipped
from workers.cards.chunks import text_chunks
from workers.cards.fields import FIELDS, V2_FIELDS
from workers.cards.files import json_object, read_file
from workers.cards.reading import read_card, read_root
from workers.cards.refusals import CardRefused
from workers.cards.writing import Spec, card_json, written_charx, written_json, written_png

OURS = PersonaCard(
    name="Mira", tagline="Keeper", description="A keeper.", appearance="Grey eyes.", personality=("calm", "exact"),
    interests=("gates",), preferences="rain", speaking_style="Short.", greeting="Early.", rating="suggestive",
    language="de",
    visual=VisualWords(words="grey eyes", negative="hats", seed=7, loras=({"name": "x", "weight": 0.5},)),
    depth_prompt=DepthPrompt(text="Rain.", depth=0), talkativeness=0.25, voice={"greetings": ["Hm."]},
)  # fmt: skip


@pytest.mark.parametrize("root", [V2, V3])
def test_a_card_is_written_as_it_was(root: dict[str, Any]) -> None:
    spec = 2 if root is V2 else 3
    card = read_root(root)
    assert card_json(card, spec) == root
    assert read_root(card_json(PersonaCard.model_validate(json.loads(json.dumps(card.stored()))), spec)) == card


def test_a_card_of_ours_comes_back_with_all_its_fields() -> None:
    for written in (written_json(OURS), written_json(OURS, 2), written_png(OURS), written_charx(OURS)):
        found = read_card(written).card
        assert found.model_copy(update={"source": None}) == OURS
    said = card_json(OURS)["data"]
    assert said["description"].startswith("A keeper.\n\nAppearance: Grey eyes.")
    assert said["personality"] == "calm, exact"


def test_what_was_changed_elsewhere_holds() -> None:
    changed = card_json(OURS)
    changed["data"] |= {"description": "A thief.", "personality": "sly"}
    found = read_root(changed)
    assert (found.description, found.personality, found.interests) == ("A thief.", ("sly",), ())
    assert (found.appearance, found.rating, found.tagline) == ("Grey eyes.", "suggestive", "Keeper")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": "Mia"}, "name"),
        ({"greeting": ""}, "first_mes"),
        ({"tags": ()}, "tags"),
        ({"nickname": ""}, "nickname"),
        ({"lorebook": None}, "character_book"),
        ({"alternate_greetings": ("One.",)}, "alternate_greetings"),
    ],
)
def test_only_what_was_changed_is_written_anew(change: dict[str, Any], path: str) -> None:
    # The old fields beside ``data`` follow it; what is kept of the source as it was gives way.
    root = {**V3, **V1, "data": {**V3_DATA, "tags": ["calm", ""]}}
    before, after = card_json(read_root(root)), card_json(read_root(root).model_copy(update=change))
    assert before == root
    assert {name for name in after["data"] | before["data"] if before["data"].get(name) != after["data"].get(name)} == {
        path
    }
    assert after["name"] == after["data"]["name"]


def test_depth_and_talkativeness_follow_the_card() -> None:
    card = read_root(V2).model_copy(update={"depth_prompt": None, "talkativeness": 1.0})
    extensions = card_json(card, 2)["data"]["extensions"]
    assert ("depth_prompt" in extensions, extensions["talkativeness"], extensions["fav"]) == (False, 1.0, True)


def test_the_newer_standard_is_told_to_programs_that_know_the_older_without_decorators() -> None:
    card = read_root(V3)
    [older], [newer] = (card_json(card, spec)["data"]["character_book"]["entries"] for spec in (2, 3))
    assert (older["content"], newer["content"]) == ("It opens at dawn.", "@@depth 4\nIt opens at dawn.")
    assert card_json(read_root(V2), 2) == V2  # it stood there before


def test_a_picture_holds_both_cards_and_no_stale_one() -> None:
    stale = png(text("Chara", packed(V1), b"zTXt"), text("ccv3", packed(V1), b"iTXt"), text("Title", b"x"))
    written = written_png(read_root(V3), stale, {"0": b"sound"})
    assert [each.keyword for each in text_chunks(written)] == ["title", "chara", "ccv3", "chara-ext-asset_:0"]
    found = read_card(written)
    assert (found.card, found.conflicts, found.files) == (read_root(V3), (), {"0": b"sound"})
    assert found.picture == png(text("Title", b"x"))
    assert read_file(written_png(OURS)).picture.startswith(b"\x89PNG")


def test_files_are_named_as_their_kind_of_file_does() -> None:
    files = {"assets/other/images/a.png": b"pixels"}
    card = OURS.model_copy(update={"assets": (
        CardAsset(type="background", uri="embedded://assets/other/images/a.png", name="a", ext="png"),
        CardAsset(type="icon", uri="ccdefault:", name="main", ext="png"))})  # fmt: skip
    archive = read_card(written_charx(card, b"face", files))
    assert (archive.picture, archive.files["assets/other/images/a.png"]) == (b"face", b"pixels")
    assert archive.card.assets[-1] == card.assets[0]
    picture = read_card(written_png(archive.card, png(), archive.files))
    assert picture.card.assets[-1].uri == "__asset:assets/other/images/a.png"
    assert read_card(written_charx(picture.card, files=picture.files)).files == archive.files


def keys_in(value: object, path: str = "") -> set[str]:
    """The names of all fields, with the way to them."""
    found: set[str] = set()
    if isinstance(value, Mapping):
        for name, each in cast("Mapping[str, Any]", value).items():
            found |= {f"{path}/{name}"} | keys_in(each, f"{path}/{name}")
    elif isinstance(value, list):
        for at, each in enumerate(cast("list[Any]", value)):
            found |= keys_in(each, f"{path}/{at}")
    return found


SCALARS = st.none() | st.booleans() | st.integers(-9, 10**6) | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
WORDS = st.text(max_size=30) | st.sampled_from(["", " ", "米拉 🌅", "\u202eمرحبا", "{{user}}", "\ud800"])
ANYTHING = JSON | WORDS | st.sampled_from(["true", "1", "[]", "@@depth 1\nx", "x" * 200_000, ["x"] * 300])
UNKNOWN = st.dictionaries(st.text(min_size=1, max_size=8).map(lambda name: f"x_{name}"), JSON, max_size=3)
SLOW = [HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.data_too_large]
CHANGES = st.dictionaries(st.sampled_from([*V3_DATA, *FIELDS, "avatar", "character_book"]), ANYTHING, max_size=4)


@given(CHANGES, UNKNOWN, UNKNOWN, st.sampled_from([V1, V2, V3]), st.sampled_from(["json", "png", "charx"]))
@example({"name": [False, False]}, {}, {}, V1, "json")
@example({"extensions": {"storyfork": {"visual": 3}}}, {}, {}, V2, "json")
@example({"character_book": {"entries": {"a": {"keys": 3, "position": True}}, "name": None}}, {}, {}, V3, "json")
@settings(
    max_examples=times(60, 10_000),
    deadline=None,
    suppress_health_check=SLOW,
)
def test_a_mutated_card_is_refused_or_loses_nothing(
    changes: dict[str, Any], inner: dict[str, Any], outer: dict[str, Any], base: dict[str, Any], kind: str
) -> None:
    root: dict[str, Any] = {**base, **outer}
    if base is V1:
        root |= {**{name: value for name, value in changes.items() if name in V1}, **inner}
    else:
        root["data"] = {**base["data"], **changes, **inner}
    raw = json.dumps(root).encode()
    file = {"json": raw, "png": png(text("chara", packed(root) if b"\\ud800" not in raw else raw)),
            "charx": zipped({"card.json": raw})}[kind]  # fmt: skip
    read = json_object(raw.decode())
    assert read is not None
    try:
        found = read_card(file, title="file")
    except CardRefused:
        return
    card = PersonaCard.model_validate(json.loads(json.dumps(found.card.stored())))
    assert card == found.card
    for spec in (2, 3):
        written = card_json(card, spec)
        assert {name for name in keys_in(read) if "/x_" in name} <= keys_in(written)
        assert card_json(read_root(written, title="file"), spec) == written
    assert read_card(written_png(card)).card.name == card.name


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
PLAIN = [name for name, read in V2_FIELDS.items() if read not in {"name", "alternate_greetings", "tags"}]
VALID = st.fixed_dictionaries(
    dict.fromkeys(PLAIN, TEXTS)
    | {
        "name": TEXTS.filter(str.strip),
        "tags": st.lists(TEXTS, max_size=3),
        "alternate_greetings": st.lists(TEXTS, max_size=3),
        "extensions": st.dictionaries(TEXTS, JSON, max_size=2),
    }
)


@given(VALID, st.fixed_dictionaries({}, optional={"nickname": TEXTS, "source": st.lists(TEXTS, max_size=2)}))
@settings(max_examples=times(30, 2_000), deadline=None)
def test_what_follows_a_standard_is_written_again_word_by_word(data: dict[str, Any], newer: dict[str, Any]) -> None:
    second = json_object(as_json({**V2, "data": data}).decode())
    third = json_object(as_json({**V3, "data": {**data, **newer, "group_only_greetings": []}}).decode())
    both: list[tuple[Spec, dict[str, Any] | None]] = [(2, second), (3, third)]
    for spec, root in both:
        assert root is not None
        assert card_json(read_card(as_json(root)).card, spec) == root
