"""Markup and text arithmetic hold for any input: a refusal is Telegram's, never a crash."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doubles.telegram.entities import Formatted, find_entities, parse_html, read_entities, tidy, utf16_length
from tests.doubles.telegram.markdown import parse_markdown_v2
from tests.doubles.telegram.rules import ApiError
from tests.effort import times

MARKUP = st.lists(
    st.sampled_from([*"*_[]()~`>\\|!.x \n<>/&;😀é", "<b>", "</b>", "<a href='u'>", "&lt;", "||", "```"])
).map("".join)


@pytest.mark.parametrize("parse", [parse_html, parse_markdown_v2])
@settings(max_examples=times(60, 300), deadline=None)
@given(source=MARKUP | st.text())
def test_markup_is_read_or_refused(parse: Callable[[str], Formatted], source: str) -> None:
    formatted = None
    try:
        formatted = tidy(parse(source))
    except ApiError as refusal:
        outcome = (refusal.code, refusal.description.partition(": ")[2][:22])
    else:
        outcome = None
    if outcome is not None:
        assert outcome == (400, "can't parse entities: ")
        return
    assert formatted is not None
    size = utf16_length(formatted.text)
    assert all(0 <= e.offset < e.offset + e.length <= size for e in formatted.entities)
    found = [{"type": e.type, "offset": e.offset, "length": e.length, "url": "u"} for e in formatted.entities]
    assert len(read_entities(formatted.text, found)) == len(found)


@given(text=st.text())
def test_utf16_length(text: str) -> None:
    assert utf16_length(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


def test_commands_mentions_and_links_are_found() -> None:
    said = Formatted("/a@storyfork_bot x/b 😀 /back. https://a.org/x?y=/z, mail@me.org @alice_1")
    found = [(entity.type, said.of(entity)) for entity in find_entities(said.text)]
    assert found == [
        ("bot_command", "/a@storyfork_bot"),
        ("bot_command", "/back"),
        ("url", "https://a.org/x?y=/z"),
        ("mention", "@alice_1"),
    ]
