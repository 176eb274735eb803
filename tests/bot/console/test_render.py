"""What messages look like."""

from rich.cells import cell_len

from bot.messages import Attachment, Button, Field, FileContent, Message, Progress, Select, SelectOption, Table
from bot.platforms.console.render import MAX_WIDTH, Renderer
from tests.bot.console.doubles import ESCAPES, PAGE

PLAIN = Renderer(lambda: None, styled=False)
NARROW = Renderer(lambda: 40, styled=True)


def test_plain_page() -> None:
    assert PLAIN.message(PAGE) == (
        "\n── The Keeper ──\nThe lamp goes out.\n\nSomething knocks.\n\n  1. Open the door\n  2. Listen first\n\n"
        "page 1\n[1] [2]  back\n"
    )


def test_plain_output_has_no_escape_codes_and_is_not_wrapped() -> None:
    text = PLAIN.message(Message("**long** " + "word " * 100 + "\x1b[2J\x9b31m", title="\x07bell"))
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "\x07" not in text
    assert len(text.strip().splitlines()) == 2


def test_wrapped_to_the_terminal_and_never_wider_than_reads_well() -> None:
    long = Message("word " * 100, choices=("choice " * 20,), footer="end " * 40, title="t")
    for columns in (40, 300):
        renderer = Renderer(lambda columns=columns: columns, styled=True)
        lines = ESCAPES.sub("", renderer.message(long)).splitlines()
        assert max(map(cell_len, lines)) <= min(columns - 1, MAX_WIDTH)
        assert "     choice" in "\n".join(lines)


def test_styled_page_shows_emphasis() -> None:
    text = Renderer(lambda: 80, styled=True).message(PAGE)
    assert "*lamp*" not in text
    assert ESCAPES.search(text)


def test_private_and_speaker() -> None:
    assert PLAIN.message(Message("Not yours.", private=True)) == "\n! Not yours.\n"
    archive = Attachment.of(b"", "application/zip", "data.zip")
    assert "!" not in PLAIN.message(Message("", private=True, attachments=(archive,))), "a file alone has no lead"
    assert PLAIN.message(Message("Hello.", speaker="Mira")) == "\nMira: Hello.\n"


def test_taken_choice_is_marked() -> None:
    taken = Message("x", choices=("a", "b"), taken=2)
    assert "\n▸ 2. b\n" in PLAIN.message(taken)
    assert PLAIN.mark(taken) == "▸ 2. b\n"
    assert "you chose: b" in ESCAPES.sub("", NARROW.mark(taken))
    assert PLAIN.mark(Message("x", choices=("a",), footer="You: sing")) == "▸ You: sing\n"
    assert PLAIN.mark(Message("x")) == ""


def test_progress() -> None:
    buttons = ((Button("Cancel", "1.cancel.1", "cancel"),),)
    progress = Progress("writing", 45, 2, "word " * 200, buttons)
    lines = "".join(part[1] for part in NARROW.progress(progress, 0.25)).splitlines()
    assert lines[-1] == "⠹ 45 % · writing · 2 in front · cancel"
    assert len(lines) == 9
    assert max(map(len, lines)) <= 39


def test_present_texts_options_links_and_files_are_shown() -> None:
    question = Message(
        "Title?",
        asks=Field("title", "Title?", value="The door\nand more"),
        footer="/cancel leaves",
        buttons=((Button("Keep", "1.keep_field.note", role="keep"),),),
    )
    assert PLAIN.message(question) == "\nTitle?\n\n│ The door\n│ and more\n\n/cancel leaves\n⏎ Keep\n"
    select = Select("Which style?", (SelectOption("Ink wash", "1.a", "black", "ink"), SelectOption("Oil", "1.b")))
    link = Button("Read on", url="https://example.org/1")
    assert PLAIN.message(Message("Style?", selects=(select,), buttons=((link,),))) == (
        "\nStyle?\nWhich style?\n  ink Ink wash – black\n  Oil\n🔗 Read on: https://example.org/1\n"
    )
    assert PLAIN.file(FileContent(b"", "audio/mpeg", "page.mp3"), "", "/files/page.mp3") == (
        "\n🎧 page.mp3\n/files/page.mp3\n"
    )


def test_a_table_is_aligned_where_it_fits_and_lines_where_not() -> None:
    table = Table(("Branch", "Votes"), (("Open the door", "12"), ("窓", "3")))
    assert PLAIN.message(Message("", table=table)) == (
        "\nBranch         Votes\n─────────────  ─────\nOpen the door     12\n窓                 3\n"
    )
    wide = Table(("Branch", "What"), (("Open", "word " * 12),))
    text = ESCAPES.sub("", NARROW.message(Message("", table=wide)))
    assert text.startswith("\nBranch: Open\nWhat: word word")
