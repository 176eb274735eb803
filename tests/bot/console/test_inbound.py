"""What typed lines mean."""

from dataclasses import dataclass

import pytest

from bot.events import Command, TextMessage
from bot.messages import Button, Field, Message, Select, SelectOption
from bot.platforms.console.inbound import (
    Local,
    Offer,
    Pressed,
    Quit,
    Reading,
    hint,
    leaves_field,
    pressable,
    read_line,
)
from tests.bot.console.doubles import PAGE, RENAME, registry
from tests.topics import product_topics

PAGE_OFFER = Offer("console-1", tuple(b for row in PAGE.buttons for b in row))
LIST_OFFER = Offer("console-2", tuple(Button(str(n), f"1.open.{n}", str(n)) for n in range(1, 6)))


@dataclass(frozen=True)
class Case:
    line: str
    meaning: Reading


@pytest.mark.parametrize(
    "case",
    [
        Case("/story new a keeper's door", Command(name="story new", rest="a keeper's door")),
        Case(
            '/story new  a door  genre="science fiction" under x=y the sea mode=open',
            Command(
                name="story new", values={"genre": "science fiction", "mode": "open"}, rest="a door  under x=y the sea"
            ),
        ),
        Case("/story new genre='it\\'s odd'", Command(name="story new", values={"genre": "it's odd"})),
        Case("/story new genre=“sea tale” x", Command(name="story new", values={"genre": "sea tale"}, rest="x")),
        Case('/story new premise="a b"', Command(name="story new", values={"premise": "a b"})),
        Case("/Story New x", Command(name="story new", rest="x")),
        Case("/story_new x", Command(name="story new", rest="x")),
        Case("/help", Command(name="help")),
        Case("/cancel", Command(name="cancel")),
        Case("/quit", Quit()),
        Case("1", Pressed(PAGE_OFFER.buttons[0], "console-1")),
        Case(" 2. ", Pressed(PAGE_OFFER.buttons[1], "console-1")),
        Case("BACK", Pressed(PAGE_OFFER.buttons[2], "console-1")),
        Case("retry", TextMessage(text="retry")),
        Case("7", Local("There is no 7 here. There is: [1] [2]  back")),
        Case("hello there", TextMessage(text="hello there")),
        Case("/", Command(name="")),
    ],
    ids=lambda case: case.line,
)
def test_line(case: Case) -> None:
    assert read_line(case.line, registry(), [PAGE_OFFER]) == case.meaning


def test_group_alone_lists_its_commands() -> None:
    reading = read_line("/story", registry(), [])
    assert isinstance(reading, Local)
    assert "/story new premise… [genre=…] [mode=solo|open] – Start" in reading.text
    assert "/story list – List" in reading.text
    unknown = read_line("/story forget", registry(), [])
    assert isinstance(unknown, Local)
    assert unknown.text.startswith("There is no /story forget.")


def test_what_is_typed_without_its_name_is_shown_as_such() -> None:
    commands = product_topics().commands
    assert "/memory edit fact text… [of=story|chat] –" in str(read_line("/memory", commands, []))
    assert "/archive add [file…] [title=…] " in str(read_line("/archive", commands, []))


def test_words_are_presses_only_where_such_a_button_is() -> None:
    assert read_line("back", registry(), []) == TextMessage(text="back")
    assert read_line("1", registry(), []) == TextMessage(text="1")


def test_recent_message_comes_first_and_older_ones_stay_reachable() -> None:
    offers = [LIST_OFFER, PAGE_OFFER]
    assert read_line("2", registry(), offers) == Pressed(LIST_OFFER.buttons[1], "console-2")
    assert read_line("back", registry(), offers) == Pressed(PAGE_OFFER.buttons[2], "console-1")


def test_spent_buttons_are_neither_presses_nor_talk() -> None:
    spent = Offer("console-1", PAGE_OFFER.buttons, spent=True)
    for line in ("1", "9", "back"):
        assert isinstance(read_line(line, registry(), [spent]), Local)
    assert read_line("hello", registry(), [spent]) == TextMessage(text="hello")


def test_question_takes_the_next_line_unless_it_is_a_command() -> None:
    asks = Field("premise", "Premise")
    assert read_line("1", registry(), [PAGE_OFFER], asks) == TextMessage(text="1")
    assert read_line("/cancel", registry(), [PAGE_OFFER], asks) == Command(name="cancel")


def test_hint() -> None:
    assert hint(PAGE_OFFER.buttons) == "[1] [2]  back"


@pytest.mark.parametrize(("line", "pressed"), [("", 0), ("  ", 0), ("-", 1), ("keep", None), ("The hatch", None)])
def test_a_blank_line_keeps_a_field_and_a_hyphen_clears_it(line: str, pressed: int | None) -> None:
    offer = Offer("console-3", pressable(RENAME))
    reading = read_line(line, registry(), [offer, PAGE_OFFER], RENAME.asks)
    expected = TextMessage(text=line) if pressed is None else Pressed(offer.buttons[pressed], "console-3")
    assert reading == expected
    assert hint(offer.buttons) == "⏎ Keep · - Clear"


def test_without_such_buttons_a_blank_line_means_nothing() -> None:
    assert leaves_field("", [PAGE_OFFER]) is None
    assert read_line("-", registry(), [PAGE_OFFER], Field("title", "Title?")) == TextMessage(text="-")


def test_options_are_words_and_links_are_not() -> None:
    select = Select("Style?", (SelectOption("Ink wash", "1.style.ink", word="ink"), SelectOption("Oil", "1.style.oil")))
    message = Message("", selects=(select,), buttons=((Button("Read on", url="https://example.org"),),))
    offer = Offer("console-4", pressable(message))
    for line, action in (("ink", "1.style.ink"), ("INK WASH", "1.style.ink"), ("oil", "1.style.oil")):
        reading = read_line(line, registry(), [offer])
        assert isinstance(reading, Pressed)
        assert reading.button.action == action
    assert read_line("read on", registry(), [offer]) == TextMessage(text="read on")
