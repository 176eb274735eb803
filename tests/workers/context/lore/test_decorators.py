"""What decorators rule, one by one."""

import pytest

from tests.workers.context.lore.books import book, entry, find, told
from workers.context.lore.decorators import Decorators, read_decorators


@pytest.mark.parametrize(
    ("content", "decorators", "text"),
    [
        ("Plain.", Decorators(), "Plain."),
        ("@@depth 4\n@@scan_depth 7\n\nText\n@@depth 9", Decorators(depth=4, scan_depth=7), "Text\n@@depth 9"),
        ("\n@@depth 4\r\n\r\nText ", Decorators(depth=4), "Text"),
        ("@@activate", Decorators(activate=True), ""),
        ("@@depth 1\n@@depth 2\nText", Decorators(depth=1), "Text"),
        ("@@depth -3\nText", Decorators(depth=0), "Text"),
        ("@@depth soon\nText", Decorators(), "Text"),
        ("@@activate_only_every 0\nText", Decorators(), "Text"),
        ("@@risu_only 4\n@@@agn_only\n@@@activate_only_every 4\n@@@depth 2\nT", Decorators(activate_only_every=4), "T"),
        ("@@depth 5\n@@@scan_depth 9\nT", Decorators(depth=5), "T"),
        ("@@depth soon\n@@@depth 6\nT", Decorators(depth=6), "T"),
        ("@@@depth 6\nT", Decorators(), "T"),
        ("@@instruct_depth 2\n@@@depth 3\nT", Decorators(depth=3), "T"),
        ("@@position personality\n@@@position after_desc\nT", Decorators(position="after_char"), "T"),
        ("@@additional_keys a, b\n@@additional_keys c\nT", Decorators(additional_keys=(("a", "b"), ("c",))), "T"),
        ("@@ no decorator", Decorators(), "@@ no decorator"),
        ("@@@@depth 4", Decorators(), "@@@@depth 4"),
        ("@@depth 4 5\nT", Decorators(), "T"),
    ],
)
def test_decorators_are_read_and_taken_off(content: str, decorators: Decorators, text: str) -> None:
    assert read_decorators(content) == (decorators, text)


async def test_activate_and_dont_activate() -> None:
    assert await told(entry(content="@@activate\nA")) == ["1"]
    assert await told(entry(content="@@dont_activate\nA", constant=True)) == []
    assert await told(entry(content="@@dont_activate\n@@activate\nA")) == ["1"]
    assert await told(entry(content="@@activate\nA", enabled=False)) == []
    assert await told(entry(content="@@activate\n")) == []


async def test_activate_only_after_and_every_count_the_replies() -> None:
    after, every = entry(content="@@activate_only_after 3\nA", constant=True), "@@activate_only_every 3\nA"
    assert [bool(await told(after, replies=count)) for count in (0, 2, 3, 4)] == [False, False, True, True]
    found = [bool(await told(entry(content=every, keys=("key",)), "key", replies=count)) for count in (2, 3, 4, 6)]
    assert found == [False, True, False, True]
    assert await told(after) == ["1"]  # not counted: ignored


async def test_what_was_told_before_stays_or_never_comes_again() -> None:
    keep, stop = entry(content="@@keep_activate_after_match\nA"), entry(content="@@dont_activate_after_match\nA")
    before = frozenset({"1"})
    assert await told(keep, "nothing") == []
    assert (await find(book(keep), "nothing", told_before=before)).matches[0].reason == "kept"
    constant = stop.model_copy(update={"constant": True})
    assert await told(constant, told_before=frozenset()) == ["1"]
    assert await told(constant, told_before=before) == []


async def test_is_greeting() -> None:
    second = entry(content="@@is_greeting 1\nA", constant=True)
    assert [await told(second, greeting=which) for which in (0, 1, None)] == [[], ["1"], ["1"]]


async def test_scan_depth_goes_before_the_entry_s_and_the_book_s() -> None:
    messages = ("key", "b", "c", "d")
    assert await told(entry(content="@@scan_depth 4\nA", keys=("key",), scan_depth=1), *messages) == ["1"]
    assert await told(book(entry(keys=("key",), scan_depth=3), scan_depth=4), *messages) == []
    assert await told(book(entry(keys=("key",)), scan_depth=4), *messages) == ["1"]
    assert await told(entry(keys=("key",)), *messages) == []
    assert await told(book(entry(keys=("d",)), scan_depth=0), *messages) == []


async def test_additional_and_exclude_keys() -> None:
    both = entry(content="@@additional_keys lamp, light\n@@additional_keys sea\nA", keys=("key",))
    assert await told(both, "key lamp sea") == ["1"]
    assert await told(both, "key lamp") == []
    assert await told(both, "lamp sea") == []
    without = entry(content="@@exclude_keys storm\nA", keys=("key",), constant=True)
    assert await told(without, "Storm") == []
    assert await told(without, "calm") == ["1"]


async def test_with_regular_expressions_additional_keys_are_more_keys_and_exclude_keys_nothing() -> None:
    either = entry(content="@@additional_keys l.mp\n@@exclude_keys storm\nA", keys=("k.y",), use_regex=True)
    assert await told(either, "a lamp in the storm") == ["1"]
    assert await told(either, "a key") == ["1"]
    broken = entry(content="@@additional_keys (\nA", keys=("k.y",), use_regex=True)
    assert await told(broken, "a key") == []


@pytest.mark.parametrize(
    ("content", "depth", "before"),
    [
        ("A", None, True),
        ("@@depth 3\nA", 3, True),
        ("@@depth 300\nA", 8, True),
        ("@@reverse_depth 2\nA", 6, True),
        ("@@reverse_depth 20\nA", 0, True),
        ("@@depth 1\n@@reverse_depth 2\nA", 1, True),
        ("@@depth 3\n@@position after_desc\nA", None, False),
    ],
)
async def test_where_an_entry_is_told(content: str, depth: int | None, before: bool) -> None:
    (element,) = (await find(book(entry(content=content, constant=True)), "x", count=8)).elements
    assert element.depth == depth
    assert (element.order < 0) == before
    assert element.volatile == (depth is not None)


async def test_ignore_on_max_context_goes_first() -> None:
    first = entry("1", "@@ignore_on_max_context\n" + "a" * 40, constant=True, priority=9)
    found = await find(book(first, entry("2", "b" * 40, constant=True)), limits={"tokens": 15})
    assert [match.entry for match in found.matches] == ["2"]
    assert (await find(book(first))).elements[0].priority == "low"
