"""Which entries are told: order, recursion, budget; and books that mean harm."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.effort import times
from tests.workers.context.cases import WordCounter
from tests.workers.context.lore.books import book, entry, find, told
from workers.context.lore.entries import LoreEntry

LOGIC = ["any", "all", "not_any", "not_all"]


@pytest.mark.parametrize(
    ("text", "matching"),
    [("key a b", {"any", "all"}), ("key a", {"any", "not_all"}), ("key", {"not_any", "not_all"}), ("a b", set[str]())],
)
async def test_secondary_keys(text: str, matching: set[str]) -> None:
    found = {
        logic
        for logic in LOGIC
        if await told(entry(keys=("key",), secondary_keys=("a", "b"), selective=True, secondary_logic=logic), text)
    }
    # 'key' holds none of the secondary ones.
    assert found == matching


async def test_secondary_keys_count_for_selective_entries_without_regular_expressions() -> None:
    assert await told(entry(keys=("key",), secondary_keys=("z",)), "key") == ["1"]
    assert await told(entry(keys=("key",), secondary_keys=("z",), selective=True, use_regex=True), "key") == ["1"]
    assert await told(entry(keys=("key",), selective=True), "key") == ["1"]


async def test_constants_need_no_key_but_with_regular_expressions() -> None:
    assert await told(entry(constant=True)) == ["1"]
    assert await told(entry(constant=True, use_regex=True), "text") == []
    assert await told(entry(constant=True, enabled=False)) == []
    assert await told(entry(content=" ", constant=True)) == []


async def test_the_order_is_that_of_insertion_then_of_books_and_entries() -> None:
    first = book(entry("1", "A", constant=True), entry("2", "B", constant=True, insertion_order=-5), id="x")
    second = book(entry("3", "C", constant=True), entry("4", "D", constant=True, insertion_order=200), id="y")
    found = await find([first, second])
    assert [(match.book, match.entry) for match in found.matches] == [("x", "2"), ("x", "1"), ("y", "3"), ("y", "4")]
    assert [element.id for element in found.elements] == ["lore:2", "lore:1", "lore:3", "lore:4"]
    assert sorted(found.elements, key=lambda element: element.order) == list(found.elements)


async def test_one_content_is_told_once() -> None:
    found = await find(book(*(entry(str(at), "Same.", constant=True) for at in range(3))))
    assert [match.entry for match in found.matches] == ["0"]
    assert found.no_room == ()
    assert found.called == {"0", "1", "2"}


async def test_two_entries_with_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="one id"):
        await find([book(entry("1")), book(entry("1"))])


async def test_a_match_says_why_and_only_steady_entries_stand_at_the_beginning() -> None:
    found = await find(book(entry("1", "A", keys=("Lamp", "/k.y/")), entry("2", "B", constant=True)), "the key")
    assert [(match.entry, match.reason, match.key) for match in found.matches] == [
        ("1", "key", "/k.y/"),
        ("2", "constant", ""),
    ]
    assert [element.volatile for element in found.elements] == [True, False]


CHAIN = (
    entry("1", "The lamp.", keys=("key",)),
    entry("2", "The sea.", keys=("lamp",)),
    entry("3", "The end.", keys=("sea",)),
)


async def test_recursion_follows_contents_where_the_book_allows_it() -> None:
    assert await told(book(*CHAIN), "key") == ["1"]
    found = await find(book(*CHAIN, recursive=True), "key")
    assert [(match.entry, match.round) for match in found.matches] == [("1", 0), ("2", 1), ("3", 2)]
    assert await told(book(*CHAIN, recursive=True), "key", limits={"rounds": 1}) == ["1", "2"]
    # Whatever the depth of the scan.
    assert await told(book(*CHAIN, recursive=True, scan_depth=0), "key") == []


async def test_entries_may_stand_apart_from_recursion() -> None:
    deaf, mute = CHAIN[1].model_copy(update={"recursable": False}), CHAIN[0].model_copy(update={"recurses": False})
    assert await told(book(CHAIN[0], deaf, CHAIN[2], recursive=True), "key") == ["1"]
    assert await told(book(mute, *CHAIN[1:], recursive=True), "key") == ["1"]


async def test_recursion_sees_hidden_keys_and_the_model_does_not() -> None:
    hidden = entry("1", "A {{hidden_key: lamp}}{{// sea}}{{Comment: sea}}b.", keys=("key",))
    found = await find(book(hidden, *CHAIN[1:], recursive=True), "key")
    assert [element.text for element in found.elements] == ["A b.", "The sea.", "The end."]
    assert [match.round for match in found.matches] == [0, 1, 2]


async def test_loops_end() -> None:
    loop = [entry(str(at), f"word{(at + 1) % 50}.", keys=(f"word{at}.",)) for at in range(50)]
    found = await find(book(*loop, recursive=True), "word0.", limits={"rounds": 1_000})
    assert len(found.matches) == 50
    assert len(await told(book(*loop, recursive=True), "word0.")) == 9


async def test_over_budget_the_least_priority_goes_then_the_earliest_insertion() -> None:
    entries = [entry(str(at), f"{at} word", constant=True, insertion_order=at) for at in range(4)]
    found = await find(book(*entries), counter=WordCounter(), limits={"tokens": 5})
    assert [match.entry for match in found.matches] == ["2", "3"]
    assert [match.entry for match in found.no_room] == ["0", "1"]
    assert found.tokens == 4
    entries[0] = entries[0].model_copy(update={"priority": 1.0})
    assert await told(book(*entries), counter=WordCounter(), limits={"tokens": 5}) == ["0", "3"]


async def test_a_book_has_a_budget_of_its_own_within_the_one_for_all() -> None:
    first = book(*(entry(f"a{at}", f"a{at} word", constant=True) for at in range(4)), id="a", token_budget=4)
    second = book(*(entry(f"b{at}", f"b{at} word", constant=True) for at in range(4)), id="b")
    found = await told_of(first, second, tokens=8)
    assert found == ["a0", "a1", "b0", "b1"]


async def told_of(*books: Any, tokens: int) -> list[str]:
    found = await find(books, counter=WordCounter(), limits={"tokens": tokens})
    return [match.entry for match in found.matches]


async def test_ten_thousand_entries_that_all_match_and_recur() -> None:
    entries = [
        entry(str(at), f"Entry {at} calls {at + 1}; and key. " + "long " * 20, keys=("key", f"calls {at}"))
        for at in range(10_000)
    ]
    found = await find(book(*entries, recursive=True), "key " * 20_000, limits={"tokens": 500})
    assert 0 < found.tokens <= 500
    assert len(found.called) == 10_000
    assert len(found.matches) + len(found.no_room) == 10_000


async def test_ten_thousand_regular_expressions_are_bounded() -> None:
    entries = [entry(str(at), f"L{at}", keys=(f"(a+)+b{at}",), use_regex=True) for at in range(10_000)]
    found = await find(book(*entries), "a" * 5_000, limits={"patterns": 50})
    assert found.matches == ()
    assert len(found.faults) == 9_950


def test_what_is_too_large_is_refused() -> None:
    for fields in ({"keys": ("k" * 1_001,)}, {"keys": ("k",) * 201}, {"content": "c" * 40_001}, {"priority": 1e999}):
        with pytest.raises(ValueError, match=r"at most|more than|finite"):
            LoreEntry.model_validate({"id": "1", "content": "", **fields})


WORDS = st.sampled_from(["key", "lamp", "sea", "Tamsel", "灯台", "storm", "Straße", "/s.a/", "(", "a+b"])
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)
HEADS = st.sampled_from(
    [
        "",
        "@@activate\n",
        "@@depth 2\n",
        "@@exclude_keys storm\n",
        "@@additional_keys sea\n",
        "@@ignore_on_max_context\n",
    ]
)


@st.composite
def entries_of_any_kind(draw: st.DrawFn) -> tuple[LoreEntry, ...]:
    return tuple(
        LoreEntry(
            id=str(at),
            content=draw(HEADS) + draw(TEXTS),
            keys=draw(st.lists(WORDS, max_size=3).map(tuple)),
            secondary_keys=draw(st.lists(WORDS, max_size=2).map(tuple)),
            selective=draw(st.booleans()),
            constant=draw(st.booleans()),
            enabled=draw(st.sampled_from([True, True, False])),
            insertion_order=draw(st.integers(-3, 3)),
            priority=draw(st.none() | st.integers(-2, 2)),
            case_sensitive=draw(st.none() | st.booleans()),
            whole_words=draw(st.booleans()),
            use_regex=draw(st.booleans()),
        )
        for at in range(draw(st.integers(0, 8)))
    )


@settings(max_examples=times(40, 5_000), deadline=None)
@given(
    entries_of_any_kind(),
    st.lists(TEXTS, max_size=3),
    st.integers(0, 30),
    st.none() | st.integers(0, 20),
    st.booleans(),
)
async def test_never_above_budget_in_order_and_always_the_same(
    entries: tuple[LoreEntry, ...], messages: list[str], tokens: int, own: int | None, recursive: bool
) -> None:
    lore = book(*entries, recursive=recursive, token_budget=own)

    async def once(room: int = tokens) -> Any:
        return await find(lore, *messages, counter=WordCounter(), limits={"tokens": room})

    found = await once()
    assert found == await once()
    by_id = {each.id: each for each in entries}
    (*sizes,) = await WordCounter().count([element.text for element in found.elements])
    assert sum(sizes) == found.tokens <= min(tokens, tokens if own is None else own)
    places = [(by_id[match.entry].insertion_order, int(match.entry)) for match in found.matches]
    assert places == sorted(places)
    assert [element.id for element in found.elements] == [f"lore:{match.entry}" for match in found.matches]
    assert len({element.text for element in found.elements}) == len(found.elements)
    assert all(by_id[match.entry].enabled for match in (*found.matches, *found.no_room))
    everything = await once(10_000)
    if own is None:
        assert everything.no_room == ()
    assert everything.called == found.called
    # Room for all is room for each of those that had some.
    assert {match.entry for match in everything.matches} >= {match.entry for match in found.matches} or own is not None
