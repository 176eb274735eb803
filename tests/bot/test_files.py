"""Files that people send: what is taken, what is refused before the download, and texts sent as files."""

from collections.abc import AsyncGenerator

import pytest

from bot.events import Command, IncomingFile, TextMessage
from bot.files import KINDS, Accepts, refusal, taken, text_of
from db.errors import BadInput
from prompts.registry import default_registry
from tests.bot.world import Bot, running_bot


@pytest.mark.parametrize(
    ("accepts", "name", "mime", "size", "problem"),
    [
        ("picture", "a.png", "image/png", 10_000_000, ""),
        ("picture", "a.png", "image/png", 10_000_001, "attachment.too_big"),
        ("picture", "A.PNG", "application/octet-stream", 0, ""),
        ("picture", "a.exe", "image/png; charset=binary", 5, ""),
        ("picture", "a.svg", "image/svg+xml", 5, "attachment.wrong_type"),
        ("card", "card.charx", "", 5, ""),
        ("card", "card.jpg", "image/jpeg", 5, ""),
        ("card", "card.pdf", "application/pdf", 5, "attachment.wrong_type"),
        ("story", "story.md", "", 5, ""),
        ("story", "story.docx", "", 5, "attachment.wrong_type"),
        ("text", "a.txt", "text/plain", 100_001, "attachment.too_big"),
        ("any", "a.exe", "", 20_000_000, ""),
        ("any", "", "", 20_000_001, "attachment.too_big"),
    ],
)
def test_what_is_refused_before_it_is_downloaded(accepts: Accepts, name: str, mime: str, size: int, problem: str):
    refused = refusal(accepts, name, mime, size)
    assert (refused.problem if refused is not None else "") == problem


def test_what_is_larger_than_was_claimed_is_refused_after_all():
    limit = KINDS["text"].limit
    assert taken("text", "a.txt", "text/plain", b"x" * limit).problem == ""
    assert taken("text", "a.txt", "text/plain", b"x" * (limit + 1)).problem == "attachment.too_big"
    assert taken("text", "a.txt", "text/plain", b"").problem == "attachment.empty"


@pytest.mark.parametrize("data", [b"\xef\xbb\xbfDie T\xc3\xbcr\r\nist offen\n", "Die Tür\nist offen".encode()])
def test_texts_are_utf_8_with_or_without_its_mark(data: bytes):
    assert text_of(IncomingFile(data=data)) == "Die Tür\nist offen"


@pytest.mark.parametrize("data", [b"T\xfcr", b"\x00\x01", "Tür".encode("utf-16")])
def test_what_is_no_text_is_refused(data: bytes):
    with pytest.raises(BadInput) as refused:
        text_of(IncomingFile(data=data))
    assert refused.value.key == "attachment.not_text"


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as running:
        yield running


async def test_a_question_may_be_answered_by_a_file(bot: Bot):
    name = default_registry().names()[0]
    question = await bot.answer(await bot.does(Command(name="prompt set", values={"name": name})))
    assert question.asks is not None
    refused = refusal("text", "answer.pdf", "application/pdf", 5)
    for file, says in ((refused, "TXT, MD, JSON"), (IncomingFile(data=b"T\xfcr"), "UTF-8")):
        assert file is not None
        answer = await bot.answer(await bot.does(TextMessage(text="", file=file)))
        assert says in answer.body
    answer = await bot.answer(await bot.does(TextMessage(text="", file=IncomingFile(data=b"no {{ such }}"))))
    assert answer.asks is None
    assert "UTF-8" not in answer.body
