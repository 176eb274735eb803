"""No text of a person or a model becomes markup on Discord; read by a parser of Discord's rules."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.messages import Message, Progress, Table
from bot.platforms.discord.render import CONTENT, bodies, plain_body, progress_body
from bot.text import markup
from bot.text.cleaning import clean
from tests.bot.discord.conftest import Connected
from tests.doubles.discord.markdown import read
from tests.effort import times

EVIL = "https://evil.example/x"
CASES = (
    f"[click]({EVIL})",
    f"[[nested]]({EVIL}) and [second]({EVIL} 'title')",
    f"[angle](<{EVIL}>)",
    f"[over\nlines](\n{EVIL}\n)",
    f"[https://good.example]({EVIL})",
    f"https://good.example/[x]({EVIL})",
    f"<https://good.example>[x]({EVIL})",
    f"*[styled]({EVIL})* **[bold]({EVIL})** [*inside*]({EVIL})",
    "<@123> <@!123> <@&5> <#9> </story new:1> <t:0:R> <:door:77> <id:home> @everyone @here",
    "||spoiler|| ~~gone~~ __under__ `code` ``two`` ```py\nblock```",
    "# one\n## two\n-# small\n> quote\n>>> all\n- list\n+ list\n* list\n1. first\n  2. second",
    "\\[a](https://evil.example) \\\\[b](https://evil.example) \\<@1>",
    "````", "`" * 7, "*a***b**", "-**x**", "#**x**", "1.**x**", "_a_**b**_c_",
    f"see (https://good.example/a_(b)) and <{EVIL}>, {EVIL}.",
)  # fmt: skip
BAD = ("masked", "mention", "spoiler", "heading", "quote", "list", "code", "block", "underline", "strike", "bare")


def check(text: str, source: str) -> None:
    found = read(text)
    assert found.of(*BAD) == [], (source, text)
    shown = found.text.replace("\u200b", "")
    assert shown == markup.plain(markup.parse(clean(source))), (source, text)
    for link in found.of("angle"):
        assert link in source


def whole(message: Message) -> str:
    made = bodies(message)
    assert all(len(body["content"]) <= CONTENT for body in made)
    return made[0]["content"]


TOKENS = (
    "[", "]", "(", ")", "<", ">", "|", "||", "`", "```", "*", "**", "_", "__", "~~", "\\", "#", "-", "-#", "1.", "+",
    "@everyone", "@here", "<@1>", "<#2>", "<:a:3>", "</x:4>", "https://evil.example", "http://a.b/c_d", EVIL,
    "[a](https://evil.example)", " ", "\n", "\n\n", "a", "b c", "é", "窓", "'", '"', ".", ":", "!", "\u202e",
)  # fmt: skip
HOSTILE = (
    st.lists(st.sampled_from(TOKENS), min_size=1, max_size=14).map("".join).filter(lambda text: clean(text).strip())
)


@pytest.mark.parametrize("text", CASES)
def test_known_tricks_are_shown_literally(text: str) -> None:
    check(whole(Message(text)), text)


@settings(max_examples=times(60, 20_000), deadline=None)
@given(HOSTILE)
@example("[a\n](https://evil.example)")
@example("https://evil.example`[a](https://evil.example)")
def test_no_text_becomes_markup(text: str) -> None:
    text = clean(text).strip()
    check(whole(Message(text)), text)


@settings(max_examples=times(30, 5_000), deadline=None)
@given(HOSTILE)
def test_nor_in_any_other_place_of_a_message(text: str) -> None:
    text = " ".join(clean(text).split())
    table = Table(("a", "b"), ((text, "x"),))
    message = Message("body", title=text, table=table, choices=(text, "other"), footer=text[:40])
    for taken in (None, 1):
        made = bodies(Message(message.body, title=text, table=table, choices=message.choices, taken=taken, footer=text))
        for body in made:
            found = read(body["content"])
            assert found.of("masked", "mention", "spoiler", "code", "bare", "quote", "list") == [], body["content"]
            assert set(found.of("heading")) <= {"-# "}
            assert read(plain_body(body)["content"]).of("masked", "mention", "spoiler", "code", "bare") == []


@settings(max_examples=times(30, 5_000), deadline=None)
@given(HOSTILE, st.integers(1900, 2100))
def test_nor_in_the_end_of_a_text_that_is_being_written(text: str, length: int) -> None:
    text = (text * (length // len(text) + 1))[-length:]
    body = progress_body(Progress("Writing …", 10, text=text))
    assert len(body["content"]) <= CONTENT
    found = read(body["content"].rpartition("\n\n")[0])
    assert found.of("masked", "mention", "spoiler", "code", "block", "bare") == []


def test_previews_of_links_are_suppressed_in_every_message() -> None:
    made = [
        *bodies(Message(EVIL * 200)),
        progress_body(Progress("Writing", text=EVIL)),
        plain_body(bodies(Message("a"))[0]),
    ]
    assert all(body["flags"] == 4 for body in made)


async def test_the_name_of_a_thread_reorders_nothing(connected: Connected) -> None:
    ann, channel = connected.server.person("ann"), connected.server.guild("Readers").text_channel("general")
    asked = await ann.slash(channel, "story new", premise="a door")
    event = await connected.notes.event()
    await asked.acknowledged()
    await connected.platform.deliver(connected.delivery(event), Message("page", thread="\u202eThe door"))
    assert [c.name for c in connected.server.channels if c.is_thread] == ["The door"]


def test_emphasis_that_takes_more_room_than_the_text_still_fits() -> None:
    assert all(len(body["content"]) <= CONTENT for body in bodies(Message("*a* " * 1200, footer="[" * 200)))
