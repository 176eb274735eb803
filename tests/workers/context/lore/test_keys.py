"""How keys are found in texts."""

from typing import Any

import pytest

from tests.workers.context.lore.books import book, entry, find, standing_still, ticking, told
from workers.context.lore.keys import MAX_PIECE, KeyText, PatternClock, PatternKey


@pytest.mark.parametrize(
    ("key", "text", "fields"),
    [
        ("tamsel", "TAMSEL came in.", {}),
        ("straße", "DIE STRASSE", {}),
        ("МАЯК", "у маяка", {}),
        ("dragon", "ｄｒａｇｏｎｓ", {}),
        (" key ", "a key", {}),
        ("Île", "I\u0302le de Ré", {}),
        ("灯台", "古い灯台の光が見えた", {}),
        ("灯台", "古い灯台の光が見えた", {"whole_words": True}),
        ("부산", "부산에서", {"whole_words": True}),
        ("cat", "The cat.", {"whole_words": True}),
        ("cat", "concat, cat", {"whole_words": True}),
        ("ai", "これはaiです", {"whole_words": True}),
        ("C++", "in C++ or", {"whole_words": True}),
        ("Rose", "a Rose", {"case_sensitive": True}),
        ("/drag(on|oness)\\b/", "a dragon", {}),
        ("/DRAGON/i", "a dragon", {"case_sensitive": True}),
        (r"/a\/b/", "a/b", {}),
        (r"/\u706f台/", "灯台", {}),
        ("dr.gon", "DRAGON", {"use_regex": True}),
        ("^second", "second", {"use_regex": True}),
    ],
)
async def test_a_key_is_found(key: str, text: str, fields: dict[str, Any]) -> None:
    assert await told(entry(keys=(key,), **fields), text) == ["1"]


@pytest.mark.parametrize(
    ("key", "text", "fields"),
    [
        ("cat", "concatenate", {"whole_words": True}),
        ("नम", "नमी", {"whole_words": True}),
        ("Rose", "she rose", {"case_sensitive": True}),
        ("/Dragon/", "a dragon", {}),
        ("dr.gon", "dragon", {}),
        ("", "anything", {}),
        ("  ", "any thing", {}),
        ("one two", "one", {}),
        ("Dragon", "dragon", {"use_regex": True, "case_sensitive": True}),
    ],
)
async def test_a_key_is_not_found(key: str, text: str, fields: dict[str, Any]) -> None:
    assert await told(entry(keys=(key,), **fields), text) == []


async def test_a_key_lies_within_one_message() -> None:
    assert await told(entry(keys=("iron key", "/iron.key/s")), "the iron", "key") == []


async def test_half_a_character_harms_nothing() -> None:
    assert await told(entry(keys=("key", "/k.y/", "\ud800")), "a \ud83d key") == ["1"]


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("(a", "invalid"),
        ("(?=a)b", "invalid"),
        (r"(a)\1", "invalid"),
        ("((a{1,100}){1,100}){1,100}", "invalid"),
        ("(a{5000}){5000}", "invalid"),
        (r"(?:.?){1000}q", "too_large"),
        ("a" * 501, "too_long"),
    ],
)
async def test_a_pattern_that_cannot_be_used_is_named_and_no_match(key: str, problem: str) -> None:
    found = await find(book(entry(keys=("here", key), use_regex=True)), "here aab" + "a" * 600)
    assert found.matches == ()
    assert [(fault.entry, fault.key, fault.problem) for fault in found.faults] == [("1", key, problem)]


async def test_beside_plain_keys_a_broken_pattern_is_left_out_alone() -> None:
    found = await find(book(entry(keys=("here", "/(/"))), "here")
    assert [match.key for match in found.matches] == ["here"]
    assert [fault.problem for fault in found.faults] == []  # never needed
    assert (await find(book(entry(keys=("/(/", "here"))), "there is none")).faults[0].problem == "invalid"


CATASTROPHIC = [r"(a+)+b", r"(a|a?)+b", r"(.*a){20}b", r"(?:a?){30}a{30}b", r"^(([a-z])+.)+[A-Z]([a-z])+$", r"(a*)*c"]


async def test_catastrophic_patterns_end_and_the_others_are_still_found() -> None:
    entries = [
        entry(str(at), f"Lore {at}.", keys=(key,), use_regex=True, case_sensitive=True)
        for at, key in enumerate(CATASTROPHIC)
    ]
    found = await find(book(*entries, entry("plain", keys=("aaa",))), "a" * 50_000, limits={"tokens": 1_000})
    assert [match.entry for match in found.matches] == ["plain"]
    assert found.faults == ()


async def test_a_slow_pattern_is_named_and_not_searched_for_again() -> None:
    limits = {"clock": ticking(0.06), "pattern_seconds": 10.0, "slow_seconds": 0.1}
    found = await find(book(entry(keys=("never",), use_regex=True)), "x" * 20_000, limits=limits)
    assert [(fault.key, fault.problem) for fault in found.faults] == [("never", "slow")]


async def test_all_patterns_together_have_a_bound_on_time() -> None:
    entries = [entry(str(at), keys=(f"never{at}",), use_regex=True) for at in range(9)]
    limits = {"clock": ticking(0.05), "pattern_seconds": 0.3, "slow_seconds": 1.0}
    found = await find(book(*entries), "text", limits=limits)
    assert {fault.problem for fault in found.faults} == {"no_time"}
    assert 0 < len(found.faults) < 9


async def test_only_so_many_patterns_are_searched_for() -> None:
    entries = [entry(str(at), f"Lore {at}.", keys=("text",), use_regex=True) for at in range(5)]
    found = await find(book(*entries), "text", limits={"patterns": 3})
    assert [match.entry for match in found.matches] == ["0", "1", "2"]
    assert {(fault.entry, fault.problem) for fault in found.faults} == {("3", "too_many"), ("4", "too_many")}


def test_what_stands_across_two_pieces_of_a_long_message_is_found() -> None:
    text = "." * (MAX_PIECE - 4) + "the iron key" + "." * MAX_PIECE
    clock = PatternClock(1, 1, standing_still)
    assert clock.search(PatternKey("iron key", sensitive=False), KeyText((text,)).pieces)
