from telegram import MessageEntity

from bot.messages import Button, Message, Progress
from bot.platforms.telegram.keyboards import keyboard
from bot.platforms.telegram.render import TextPart, plain, render, render_progress
from bot.text.splitting import utf16_length


def shown(part: TextPart) -> str:
    """The text with its entities made visible, cut where Telegram cuts: in UTF-16."""
    marks = {"bold": "b", "italic": "i"}
    units = part.text.encode("utf-16-le")
    cuts: list[tuple[int, int, str]] = []
    for e in part.entities:
        cuts += [(e.offset, 1, f"<{marks[e.type]}>"), (e.offset + e.length, 0, f"</{marks[e.type]}>")]
    for at, _, tag in sorted(cuts, reverse=True):
        units = units[: at * 2] + tag.encode("utf-16-le") + units[at * 2 :]
    return units.decode("utf-16-le")


PAGE = Message(
    title="The Door 🚪",
    body="The *sea* is **cold** 🌊 today. 2 < 3 & [a](b).",
    choices=("Open it", "Wait for the *tide*"),
    footer="Page 3",
)


def test_page() -> None:
    (part,) = render(PAGE)
    assert shown(part) == (
        "<b>The Door 🚪</b>\n\n"
        "The <i>sea</i> is <b>cold</b> 🌊 today. 2 < 3 & [a](b).\n\n"
        "1. Open it\n2. Wait for the <i>tide</i>\n\n"
        "<i>Page 3</i>"
    )


def test_taken_choice_is_marked() -> None:
    taken = Message(title=PAGE.title, body="Cold.", choices=PAGE.choices, footer=PAGE.footer, taken=1)
    assert shown(render(taken)[0]) == (
        "<b>The Door 🚪</b>\n\nCold.\n\n<b>▸ 1. Open it</b>\n2. Wait for the <i>tide</i>\n\n<i>Page 3</i>"
    )
    second = render(Message(body="Cold.", choices=PAGE.choices, taken=2))[0]
    assert second.text == "Cold.\n\n1. Open it\n▸ 2. Wait for the tide"
    assert [(e.type, e.offset, e.length) for e in second.entities] == [("bold", 18, 22), ("italic", 36, 4)]


def test_long_page_has_the_same_parts_when_taken() -> None:
    body = " ".join(f"Sentence {n} of 🌊 *many* words." for n in range(600))
    before, after = (render(Message(body=body, choices=("One", "Two"), taken=t)) for t in (None, 2))
    assert len(before) == len(after) > 3
    assert all(utf16_length(part.text) <= 4096 for part in (*before, *after))
    assert [p.text for p in before[:-1]] == [p.text for p in after[:-1]]
    assert after[-1].text == before[-1].text.replace("2. Two", "▸ 2. Two")
    assert len(before[0].entities) == 100
    first = before[0].entities[0]
    units = before[0].text.encode("utf-16-le")
    assert units[first.offset * 2 : (first.offset + first.length) * 2].decode("utf-16-le") == "many"


def test_speaker_and_odd_characters() -> None:
    part = render(Message(speaker="Mira", body="Hello\x00 \ud83d there\r\nyou"))[0]
    assert part.text == "Mira\nHello � there\nyou"
    assert [(e.type, e.offset, e.length) for e in part.entities] == [(MessageEntity.BOLD, 0, 4)]
    assert render(Message(body="  "))[0].text == "—"
    assert plain(Message(title="*No*", body="Not **yet**")) == "No\n\nNot yet"


def test_keyboard() -> None:
    numbers = tuple(Button(str(n), f"1.choose.{n}", style="primary") for n in range(10))
    rows = keyboard([numbers, (Button("Gone", "x", disabled=True),), (Button("Back", "1.back"),)])
    assert rows is not None
    assert [[b.text for b in row] for row in rows.inline_keyboard] == [list("01234567"), ["8", "9"], ["Back"]]
    assert rows.inline_keyboard[0][0].style == "primary"
    assert rows.inline_keyboard[2][0].style is None
    assert keyboard([(Button("Gone", "x", disabled=True),)]) is None


def test_progress() -> None:
    assert render_progress(Progress("Writing", position=2)).text == "⏳ Writing · #3"
    assert render_progress(Progress("Writing", 40)).text == "⏳ Writing · 40 %"
    long = render_progress(Progress("Writing", 40, text="word " * 2000))
    assert long.text.endswith("word\n\n⏳ Writing · 40 %")
    assert utf16_length(long.text) <= 4096
