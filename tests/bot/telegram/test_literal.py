"""On Telegram texts carry our entities alone: nothing that people or models write becomes a link or other markup."""

from hypothesis import given, settings
from hypothesis import strategies as st
from telegram import User

from bot.events import Destination
from bot.messages import Button, Message, Progress, Table
from bot.platforms.telegram.api import TelegramApi
from bot.platforms.telegram.keyboards import keyboard
from bot.platforms.telegram.posting import Poster
from bot.platforms.telegram.render import TextPart, caption, clean, render, render_progress
from bot.text import markup
from tests.effort import times

TOKENS = (
    "[click](https://evil.example)", "<a href='https://evil.example'>x</a>", "||", "`", "```", "*", "**", "_", "__",
    "~", "<b>", "&lt;", "[", "](tg://user?id=1)", "@someone", "tg://user?id=1", " ", "\n", "\n\n", "a", "🌊", "é",
    "\u202e", "\u2066", "\ud800", "\x00",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(TOKENS), min_size=1, max_size=14).map("".join)
OURS = {"bold", "italic", "pre"}


def check(part: TextPart) -> None:
    units = len(part.text.encode("utf-16-le")) // 2
    for entity in part.entities:
        assert entity.type in OURS
        assert entity.url is None
        assert entity.user is None
        assert 0 <= entity.offset < entity.offset + entity.length <= units
    assert not set(part.text) & {"\u202e", "\u2066", "\ud800", "\x00"}


@settings(max_examples=times(50, 10_000), deadline=None)
@given(HOSTILE, st.booleans())
def test_no_text_becomes_a_link(text: str, taken: bool) -> None:
    message = Message(
        text, title=text, speaker=text, table=Table(("a",), ((text,),)), choices=(text, "other"),
        taken=1 if taken else None, footer=text,
    )  # fmt: skip
    for part in render(message):
        check(part)
    check(render_progress(Progress(text, 10, text=text)))
    if (under := caption(Message(text, title=text))) is not None:
        check(under)


@settings(max_examples=times(50, 10_000), deadline=None)
@given(HOSTILE)
def test_a_body_is_shown_as_it_is_but_for_emphasis(text: str) -> None:
    shown = clean(text).strip()
    expected = markup.plain(markup.parse(shown)).strip() or "—"
    assert "".join(part.text for part in render(Message(text))).strip() == expected


def test_names_and_labels_reorder_nothing() -> None:
    part = TextPart("go").addressed_to(User(1, clean("Eve\u202e"), is_bot=False))
    assert part.text == "Eve, go"
    rows = keyboard(((Button("\u202eliame", "1.x"),),))
    assert rows is not None
    assert rows.inline_keyboard[0][0].text == "liame"


def test_what_is_remembered_of_chats_and_messages_is_bounded() -> None:
    api = TelegramApi()
    poster = Poster(lambda: (_ for _ in ()).throw(AssertionError), api)
    for number in range(10_000):
        api.moved(f"-{number}", f"-100{number}")
        poster.placeholder(Destination(chat_id=str(number), user_id="1", kind="dm"), "1")
    assert api.chat_id("-9999") == -1009999
    assert api.chat_id("-1") == -1
    assert poster.remembered <= 2001
