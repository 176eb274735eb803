"""Cards of other programs: every standard in every kind of file, as they are met."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from tests.workers.cards.made import (
    PYGMALION,
    V1,
    V2,
    V2_DATA,
    V3,
    V3_DATA,
    as_json,
    packed,
    png,
    text,
    zipped,
)
from workers.cards.archive import read_archive
from workers.cards.fields import BACKFILLED
from workers.cards.reading import read_card
from workers.cards.refusals import CardRefused
from workers.cards.writing import card_json
from workers.decoding.documents import card_in

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 40
WITH_DATA = {"spec": "chara_card_v2", "spec_version": "2.0"}


def data(**changed: Any) -> dict[str, Any]:
    return {**V2, "data": {**V2_DATA, **changed}}


def exif(kind: str, comment: bytes) -> bytes:
    made = Image.Exif()
    made.get_ifd(0x8769)[0x9286] = comment
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, kind, exif=made)
    return out.getvalue()


@pytest.mark.parametrize(
    "file",
    [
        as_json(V3),
        b"\xef\xbb\xbf" + as_json(V3),
        json.dumps(V3).encode("utf-16"),
        as_json(json.dumps(V3)),
        packed(V3),
        as_json({**V3, "data": json.dumps(V3_DATA)}),
        png(text("ccv3", packed(V3))),
        png(text("ccv3", packed(V3), b"zTXt")),
        png(text("ccv3", packed(V3), b"iTXt")),
        png(text("ccv3", packed(V3)), after=True),
        png(text("ccv3", packed(V3)), animated=True),
        png(text("CCV3", base64.b64encode(packed(V3)))),
        png(text("ccv3", as_json(V3))),
        png(text("Software", b"x"), text("chara", packed(V1)), text("ccv3", packed(V3))),
        png(text("ccv3", packed(V3)))[:-30],
        zipped({"card.json": as_json(V3)}),
        JPEG + zipped({"card.json": as_json(V3)}),
        b"MZ\x90\0" + zipped({"card.json": as_json(V3)}),
        exif("WEBP", as_json(V3)),
        exif("JPEG", b"ASCII\0\0\0" + as_json(V3)),
        exif("JPEG", as_json(V3)) + b"PK\x03\x04",
        exif("WEBP", ",".join(map(str, as_json(V3))).encode()),
    ],
)
def test_a_card_is_found_in_every_kind_of_file(file: bytes) -> None:
    card = read_card(file).card
    assert (card.name, card.nickname, card.called, card.greeting) == ("Mira", "Mi", "Mi", "You are early.")
    assert (card.personality, card.version, card.tags) == (("calm, exact",), "1.1", ("calm", "gate"))
    assert (card.alternate_greetings, card.group_greetings) == (("Late.", "Again?"), ("All of you?",))
    assert (card.system_prompt, card.post_history) == ("{{original}} Be brief.", "Stay calm.")
    assert card.depth_prompt is not None
    assert (card.depth_prompt.text, card.depth_prompt.depth, card.talkativeness) == ("It rains.", 2, 0.5)
    assert card.translated_notes == {"de": "Sei nett."}
    assert card.lorebook is not None
    assert card.lorebook["entries"][0]["x_mine"] == [1]
    assert card_json(card) == V3


@pytest.mark.parametrize("root", [V1, {**V1, "create_date": "x"}])
def test_the_first_standard_is_read(root: dict[str, Any]) -> None:
    card = read_card(png(text("chara", packed(root)))).card
    assert (card.name, card.example_dialogue) == ("Mira", V1["mes_example"])
    written = card_json(card, 2)
    assert {**V1, **written["data"]} == written["data"]
    assert written.get("create_date") == root.get("create_date")


def test_characters_of_pygmalion_are_read() -> None:
    for file in (as_json(PYGMALION), b"name: Mira\ncontext: Keeps the gate.\ngreeting: Early.\n"):
        card = read_card(file).card
        assert (card.name, card.description, card.greeting) == ("Mira", "Keeps the gate.", "Early.")
    assert card_json(read_card(as_json(PYGMALION)).card)["metadata"] == {"tool": "x"}


@pytest.mark.parametrize(
    ("changed", "field", "read"),
    [
        ({"name": ""}, "name", "file"),
        ({"alternate_greetings": "Late."}, "alternate_greetings", ("Late.",)),
        ({"alternate_greetings": None}, "alternate_greetings", ()),
        ({"character_version": 2}, "version", "2"),
        ({"character_book": None}, "lorebook", None),
        ({"tags": "calm"}, "tags", ("calm",)),
        ({"creator_notes": BACKFILLED + "Be kind."}, "creator_notes", "Be kind."),
        ({"avatar": "none", "name": "米拉 🌅"}, "name", "米拉 🌅"),
        ({"description": "\u202eمرحبا"}, "description", "\u202eمرحبا"),
        ({"description": "x" * 90_000}, "description", "x" * 90_000),
    ],
)
def test_what_is_met_in_the_wild_is_read(changed: dict[str, Any], field: str, read: object) -> None:
    assert getattr(read_card(as_json(data(**changed)), title="file").card, field) == read


def test_entries_of_a_book_are_put_right() -> None:
    wild = {
        "keys": "gate, door", "content": "x", "enabled": "yes", "insertion_order": "7", "position": 1,
        "use_regex": "false", "selective": 1, "secondary_keys": None, "extensions": None, "priority": "nan",
    }  # fmt: skip
    tavern = {"0": {"uid": 0, "key": ["a"], "keysecondary": ["b"], "content": "y", "disable": True, "order": 3}}
    for entries, wanted in (
        ([wild, 3], [("gate", "door"), True, 7]),
        (tavern, [("a",), False, 3]),
    ):
        card = read_card(as_json(data(character_book={"entries": entries}))).card
        [entry] = card_json(card)["data"]["character_book"]["entries"]
        assert [tuple(entry["keys"]), entry["enabled"], entry["insertion_order"]] == wanted
        assert (entry["use_regex"], entry["content"] in "xy") == (False, True)
    beside = {**data(character_book=None), "character_book": {"entries": [wild]}}
    assert read_card(as_json(beside)).card.lorebook is not None


def test_an_older_card_that_says_something_else_is_named() -> None:
    same = read_card(png(text("chara", packed(V2)), text("ccv3", packed(V3))))
    assert same.conflicts == ()
    other = {**V2, "data": {**V2_DATA, "name": "Mia", "tags": ["x"], "creator_notes": BACKFILLED}}
    found = read_card(png(text("chara", packed(other)), text("ccv3", packed(V3))))
    assert (found.card.name, found.conflicts) == ("Mira", ("name", "tags"))
    broken = read_card(png(text("chara", packed(V2)), text("ccv3", b"%%%")))
    assert broken.card.name == "Mira"


def test_a_newer_standard_is_taken_and_said() -> None:
    assert read_card(as_json({**V3, "spec_version": "3.1"})).newer
    assert not read_card(as_json({**V3, "spec_version": "three"})).newer


def test_files_and_the_picture_of_a_card_are_found() -> None:
    icon = {"type": "icon", "uri": "embeded://assets/icon/images/main.png", "name": "main", "ext": "png"}
    root = {**V3, "data": {**V3_DATA, "assets": [{**icon, "name": "second", "uri": "embedded://x"}, icon]}}
    files = {"assets/icon/images/main.png": b"pixels", "x": b"others", "x_meta/1.json": b"{}"}
    found = read_card(zipped({"card.json": as_json(root), **files}))
    assert (found.picture, found.files) == (b"pixels", files)
    assert read_card(JPEG + zipped({"card.json": as_json(V3)})).picture == JPEG
    inline = {**icon, "uri": "data:image/png;base64," + base64.b64encode(b"pixels").decode()}
    assert read_card(as_json({**V3, "data": {**V3_DATA, "assets": [inline]}})).picture == b"pixels"
    old = png(text("ccv3", packed(V3)), text("chara-ext-asset_:0", base64.b64encode(b"sound")))
    assert read_card(old).files == {"0": b"sound"}
    assert read_card(old).picture == png()
    far = {**icon, "uri": "https://example.org/x.png"}
    assert read_card(as_json({**V3, "data": {**V3_DATA, "assets": [far]}})).picture == b""


@pytest.mark.parametrize(
    ("file", "reason", "field"),
    [
        (b"", "empty", ""),
        (b"Rar!\x1a\x07", "no_card", ""),
        (b"\xff\xfe\xff", "no_card", ""),
        (b"hello", "no_card", ""),
        (b"[1]", "no_card", ""),
        (b"{}", "no_card", ""),
        (png(), "no_card", ""),
        (png(text("chara", b"%%%")), "broken", ""),
        (png(text("chara", packed([1]))), "broken", ""),
        (png(text("chara", b"rcc||rccv1||x")), "encrypted", ""),
        (as_json({"entries": {}}), "lorebook", ""),
        (as_json({"spec": "lorebook_v3", "data": {"entries": []}}), "lorebook", ""),
        (as_json({**WITH_DATA, "data": 3}), "wrong", "data"),
        (as_json({**WITH_DATA, "data": {"name": ""}}), "missing", "data.name"),
        (as_json(data(name="x" * 300)), "too_long", "data.name"),
        (as_json(data(description="x" * 100_001)), "too_long", "data.description"),
        (as_json(data(alternate_greetings=["x"] * 201)), "too_many", "data.alternate_greetings"),
        (as_json(data(character_book={"entries": [{"content": "x"}] * 2001})), "too_many", "data.character_book"),
        (as_json(data(character_book={"entries": [{"content": "x" * 50_000}]})), "too_long", "data.character_book"),
        (
            as_json(data(character_book={"entries": [{"content": "x" * 39_000}] * 30})),
            "too_long",
            "data.character_book",
        ),
        (as_json(data(extensions={"storyfork": {"appearance": ["x" * 60_000] * 2}})), "too_long", "data.appearance"),
        (b'{"a":' * 70 + b"1" + b"}" * 70, "too_deep", ""),
        (b"[" * 200_000, "too_deep", ""),
        (zipped({"other": b""}), "no_card", ""),
        (zipped({"card.json": b"{"}), "broken", "card.json"),
        (zipped({"card.json": as_json(V3), "../x": b""}), "wrong", "assets"),
        (zipped({"card.json": as_json(V3)})[:-30], "broken", ""),
        (exif("WEBP", b"nothing"), "no_card", ""),
        (JPEG, "no_card", ""),
    ],
)
def test_what_is_no_card_or_too_large_is_refused_by_field(file: bytes, reason: str, field: str) -> None:
    with pytest.raises(CardRefused) as refused:
        read_card(file)
    assert (refused.value.reason, refused.value.field) == (reason, field)


async def test_a_card_is_read_in_a_process_of_its_own() -> None:
    icon = {"type": "icon", "uri": "embeded://a.png", "name": "main", "ext": "png"}
    files = {"a.png": b"pixels", "b.mp3": b"sound"}
    file = zipped({"card.json": as_json({**V3, "data": {**V3_DATA, "assets": [icon]}}), **files})
    found = await card_in(file)
    assert found == read_card(file)
    assert (found.picture, found.files) == (b"pixels", files)
    assert (await card_in(as_json(data(name="")), title="file")).card.name == "file"
    for sent, reason in ((b"x" * 9, "too_large"), (b"x", "no_card"), (b"", "empty")):
        with pytest.raises(CardRefused) as refused:
            await card_in(sent, most=8)
        assert refused.value.reason == reason


def test_an_archive_that_is_packed_tightly_is_not_unpacked_without_end() -> None:
    bomb = zipped({"card.json": as_json(V1), "a": b"\0" * 1_000_000})
    with pytest.raises(CardRefused) as refused:
        read_archive(bomb, most=900_000)
    assert refused.value.reason == "too_large"
