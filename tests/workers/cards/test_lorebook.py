"""Lorebooks of other programs: what their fields mean here, what is refused, and that no file holds anybody up."""

import base64
import json
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import times
from workers.cards.files import read_json
from workers.cards.lorebook import MAX_BOOK_ENTRIES, NotALorebook, read_lorebook
from workers.cards.refusals import CardRefused
from workers.decoding.document_limits import DocumentRefused
from workers.decoding.documents import lorebook_in

V2_ENTRY: dict[str, Any] = {
    "keys": ["gate", " north gate "], "content": "It opens at dawn.", "extensions": {}, "enabled": True,
    "insertion_order": 10, "name": "The gate", "priority": 3, "selective": True, "secondary_keys": ["dawn"],
    "constant": False, "position": "after_char", "case_sensitive": True, "id": 7,
}  # fmt: skip
V2_BOOK: dict[str, Any] = {
    "name": "The city", "scan_depth": 4, "token_budget": 500, "recursive_scanning": True, "extensions": {"x": 1},
    "entries": [V2_ENTRY],
}  # fmt: skip
TAVERN: dict[str, Any] = {
    "entries": {
        "0": {
            "uid": 0, "key": ["/drag[oe]ns?/i"], "keysecondary": ["cellar"], "comment": "Dragons",
            "content": "They sleep.", "constant": False, "selective": True, "selectiveLogic": 3, "order": 50,
            "position": 4, "depth": 2, "disable": False, "probability": 100, "useProbability": True,
            "excludeRecursion": True, "matchWholeWords": True, "scanDepth": 6,
        },
        "1": {"uid": 1, "key": [], "content": "The city is old.", "constant": True, "position": 0},
        "2": {"uid": 2, "key": ["x"], "content": "Off.", "disable": True},
        "3": {"uid": 3, "key": ["y"], "content": "Never.", "probability": 0, "useProbability": True},
        "4": {"uid": 4, "key": ["z"], "content": "   "},
    }
}  # fmt: skip


def png(**chunks: bytes) -> bytes:
    """A picture with text chunks."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    texts = b"".join(chunk(b"tEXt", name.encode() + b"\0" + text) for name, text in chunks.items())
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + texts + chunk(b"IEND", b"")


def packed(value: object) -> bytes:
    return base64.b64encode(json.dumps(value).encode())


@pytest.mark.parametrize(
    "whole",
    [
        {"spec": "lorebook_v3", "data": V2_BOOK},
        {"spec": "chara_card_v2", "data": {"name": "Mira", "character_book": V2_BOOK}},
        {"spec": "chara_card_v3", "data": {"name": "Mira"}, "character_book": V2_BOOK},
        V2_BOOK,
    ],
)
def test_a_book_is_found_wherever_it_stands(whole: dict[str, Any]):
    found = read_lorebook(whole)
    book, [entry] = found.book, found.book.entries
    assert (book.name, book.scan_depth, book.token_budget, book.recursive) == ("The city", 4, 500, True)
    assert (entry.name, entry.keys, entry.secondary_keys) == ("The gate", ("gate", "north gate"), ("dawn",))
    assert (entry.insertion_order, entry.priority, entry.position) == (10, 3, "after_char")
    assert (entry.selective, entry.case_sensitive, entry.constant, entry.enabled) == (True, True, False, True)
    assert found.more == {"extensions": {"x": 1}}
    assert found.entries_more[0]["id"] == 7
    assert found.problems == ()


def test_world_info_is_read_with_its_own_fields():
    found = read_lorebook(TAVERN)
    dragons, city, off, never = found.book.entries
    assert (dragons.name, dragons.keys, dragons.secondary_logic) == ("Dragons", ("/drag[oe]ns?/i",), "all")
    assert (dragons.depth, dragons.scan_depth, dragons.whole_words, dragons.recursable) == (2, 6, True, False)
    assert (city.constant, city.depth, city.position) == (True, None, "before_char")
    assert (off.enabled, never.enabled) == (False, False)


def test_a_key_is_a_pattern_where_it_is_written_as_one():
    both: dict[str, Any] = {"keys": ["a.c"], "content": "x", "use_regex": True}
    plain = {**both, "extensions": {"selectiveLogic": 0, "position": 4, "depth": 3}}
    first, second = read_lorebook({"entries": [both, plain]}).book.entries
    assert (first.use_regex, second.use_regex) == (True, False)
    assert (first.depth, second.depth) == (None, 3)


def test_fields_are_read_tolerantly():
    entry = {
        "keys": "gate, door ,", "content": "x", "enabled": "true", "insertion_order": "7", "position": "1",
        "secondary_keys": None, "priority": "much", "case_sensitive": None, "extensions": [], "constant": "no",
    }  # fmt: skip
    book = read_lorebook({"entries": [entry, None, 3, {"keys": []}], "scan_depth": "9", "token_budget": -1}).book
    [found] = book.entries
    assert (book.scan_depth, book.token_budget, found.keys) == (9, None, ("gate", "door"))
    assert (found.insertion_order, found.position, found.priority) == (7, "after_char", None)
    assert (found.case_sensitive, found.constant) == (None, False)


def test_patterns_that_cannot_be_used_are_named():
    entries = [
        {"keys": ["/(?<=a)b/"], "content": "x", "name": "Behind"},
        {"keys": [f"/{'a' * 600}/"], "content": "x"},
        {"keys": ["/(a{900}){900}/", "/fine/"], "content": "@@additional_keys /(/\nx", "name": "Large"},
    ]
    found = read_lorebook({"entries": entries})
    assert [(p["entry"], p["problem"]) for p in found.problems] == [
        ("Behind", "invalid"), ("/" + "a" * 79, "too_long"), ("Large", "invalid"), ("Large", "invalid"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "not_lore"),
        ({"entries": []}, "not_lore"),
        ({"data": {"character_book": None}}, "not_lore"),
        ({"entries": [{"content": "x"}] * (MAX_BOOK_ENTRIES + 1)}, "too_many_entries"),
        ({"entries": [{"content": "x" * 50_000, "name": "Long"}]}, "entry_too_long"),
        ({"entries": [{"content": "x" * 39_000}] * 30}, "too_long"),
    ],
)
def test_what_is_no_lorebook_or_too_large_is_refused(data: dict[str, Any], reason: str):
    with pytest.raises(NotALorebook) as refused:
        read_lorebook(data)
    assert refused.value.reason == reason


def test_the_card_of_a_picture_is_that_of_the_newer_standard():
    old, new = {"data": {"character_book": V2_BOOK}}, {"data": {"character_book": {**V2_BOOK, "name": "New"}}}
    assert read_json(png(chara=packed(old), ccv3=packed(new)))["data"]["character_book"]["name"] == "New"
    assert read_json(png(Chara=packed(old)))["data"]["character_book"]["name"] == "The city"
    for broken in (png(), png(chara=b"%%%"), png(chara=packed([1])), b"\x89PNG\r\n\x1a\n\xff", b"[" * 200_000, b"\xff"):
        with pytest.raises(CardRefused):
            read_json(broken)


def test_what_the_database_cannot_hold_is_left_out():
    file = (
        b'{"entries": [{"content": "x\\u0000\\ud800", "keys": ["a\\u0000b", "c\\ud800"], '
        b'"f\\u0000": ["\\u0000", NaN, 1e999], "position": "\xc2\xb2"}, '
        b'{"content": "y", "position": "' + b"1" * 5000 + b'"}], "g": {"h": -Infinity}}'
    )
    found = read_lorebook(read_json(file))
    assert (found.book.entries[0].content, found.book.entries[0].keys) == ("x?", ("ab", "c?"))
    assert found.entries_more[0] == {"f": ["", None, None], "position": "²"}
    assert found.more == {"g": {"h": None}}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([*V2_ENTRY, *TAVERN["entries"]["0"]])


@settings(max_examples=times(50, 5000), deadline=None)
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=12), max_size=5), VALUES)
def test_whatever_stands_in_a_book_it_is_read_or_refused(entries: list[dict[str, Any]], extensions: object):
    data = {"entries": [{"content": "x", "extensions": extensions, **entry} for entry in entries]}
    try:
        found = read_lorebook(data)
    except NotALorebook:
        return
    assert len(found.entries_more) == len(found.book.entries)


async def test_it_is_read_in_a_process_of_its_own():
    found = await lorebook_in(png(chara=packed({"data": {"character_book": V2_BOOK}})))
    assert found["book"]["name"] == "The city"
    assert found["entries"][0]["content"] == "It opens at dawn."
    for data in (b"", b"{}", b"[" * 5_000_000, json.dumps({"entries": [{"content": 5}]}).encode()):
        with pytest.raises(DocumentRefused):
            await lorebook_in(data)
