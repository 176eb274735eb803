"""A chat from a file stands beside the others of its place, as it was: messages, variants, dates, note."""

from datetime import UTC, datetime, timedelta

from db import chat_turns, chats, company, jobs, personas, saved_chats, uploads
from db.chat_imports import ImportChat
from db.connection import row, rows
from db.models import OutboxRow
from db.people import Who
from tests.db.test_memories import ann
from tests.workers.making import run_by
from workers.exports.chats import ChatLine, WrittenChat, as_jsonl
from workers.runner import Runner
from workers.services import Services
from workers.steps.chat_export import chat_lines

__all__ = ["ann"]
AT = datetime(2025, 11, 9, 16, 5, tzinfo=UTC)
CHAT = WrittenChat(
    "Mira",
    "Sam",
    (
        ChatLine("Bo", user=False, said_at=AT, variants=("Hush.", "Late."), chosen=1),
        ChatLine("ann", user=True, said_at=AT + timedelta(minutes=1), variants=("Hello.",)),
        ChatLine("ann", user=True, said_at=AT + timedelta(minutes=2), variants=("Who are you?",)),
        ChatLine("Bo", user=False, said_at=AT + timedelta(minutes=3), variants=("Nobody.",), hidden=True),
        ChatLine("Bo", user=False, said_at=AT + timedelta(days=3), variants=("Bo.", "A keeper.", "Hm."), chosen=0),
    ),
    title="Rain",
    note="It rains.",
    note_depth=2,
)


async def handed_in(services: Services, who: Who, data: bytes) -> OutboxRow:
    """What somebody is answered who hands in a chat."""
    persona = await personas.active(who.conversation)
    upload = await uploads.keep(who.account.id, who.user.id, "chat.jsonl", data)
    job = await jobs.add(
        ImportChat(upload=upload, persona=persona.id), account_id=who.account.id, user_id=who.user.id,
        conversation_id=who.conversation.id, event_key=f"console:{upload}", destination={"chat_id": "c"},
    )  # fmt: skip
    await run_by(Runner(services, 4), job)
    found = await OutboxRow.all().order_by("-id").first()
    assert found is not None
    assert await row("SELECT FROM uploads") is None
    return found


async def test_a_chat_is_imported_as_it_was_exported(services: Services, ann: Who):
    persona = await personas.active(ann.conversation)
    said = await chats.say(ann.conversation, persona, ann.user.id, "now")
    await chats.attach_reply(said.reply.id, "Here.")
    told = await handed_in(services, ann, as_jsonl(CHAT))
    assert (told.kind, told.payload["imported"], told.payload["left_out"]) == ("chat_opened", 5, 0)
    found = chat_lines(await saved_chats.said(ann.conversation.id, persona.id, 1))
    assert found == CHAT.lines
    made = await saved_chats.of_epoch(ann.conversation.id, 1)
    assert made is not None
    assert (made.name, made.note, made.note_depth) == ("Rain", "It rains.", 2)
    shown = await chat_turns.shown(ann.account.id, told.payload["message"])
    assert shown is not None
    assert (shown.message.text, shown.count, shown.last) == ("Bo.", 3, True)
    assert await row("SELECT epoch FROM conversations") == {"epoch": 1}
    assert await row("SELECT count(*) AS n FROM chat_messages WHERE epoch = 0 AND chosen") == {"n": 2}


async def test_lines_of_other_personas_who_talk_there_are_theirs(services: Services, ann: Who):
    made = await row(
        "INSERT INTO personas (account_id, key, name, card) VALUES ($1, 'kim', 'Kim', '{}') RETURNING id",
        ann.account.id,
    )  # fmt: skip
    assert made is not None
    await company.join(ann.conversation, made["id"], when_called=False, most=5)
    lines = (
        ChatLine("ann", user=True, said_at=AT, variants=("Hello, both.",)),
        ChatLine("Kim", user=False, said_at=AT, variants=("Hi.", "Hello.")),
        ChatLine("Bo", user=False, said_at=AT, variants=("Evening.",)),
        ChatLine("Kim", user=False, said_at=AT, variants=("And now?",)),
        ChatLine("ann", user=True, said_at=AT, variants=("We wait.",)),
        ChatLine("Bo", user=False, said_at=AT, variants=("Fine.",)),
    )
    await handed_in(services, ann, as_jsonl(WrittenChat("Bo", "ann", lines)))
    persona = await personas.active(ann.conversation)
    assert chat_lines(await saved_chats.said(ann.conversation.id, persona.id, 1)) == lines
    cues = await rows("SELECT turn_id, speaker_id FROM chat_messages WHERE role = 'cue'")
    first = await row("SELECT id FROM chat_messages WHERE text = 'Hello, both.'")
    assert first is not None
    assert cues == [{"turn_id": first["id"], "speaker_id": None}]


async def test_nothing_is_dated_later_than_now_so_that_it_is_deleted_in_time(services: Services, ann: Who):
    later = ChatLine("ann", user=True, said_at=datetime(2190, 1, 1, tzinfo=UTC), variants=("Hello.",))
    await handed_in(services, ann, as_jsonl(WrittenChat("Bo", "ann", (later,))))
    assert await row("SELECT created_at <= now() AS past FROM chat_messages") == {"past": True}


async def test_nothing_of_a_chat_is_kept_that_is_refused(services: Services, ann: Who):
    broken = await handed_in(services, ann, as_jsonl(CHAT) + b"{")
    assert (broken.payload["key"], broken.payload["values"]["line"]) == ("chat_import.bad_line", 7)
    lewd = CHAT.lines[0].__class__("Bo", user=False, said_at=AT, variants=("Late.", "naked sex on the beach"))
    refused = await handed_in(services, ann, as_jsonl(WrittenChat("Bo", "ann", (lewd,))))
    assert refused.payload["key"] == "moderation.refused_rating", "a variant that nobody has chosen"
    assert await rows("SELECT FROM chat_messages") == []
    assert await rows("SELECT FROM saved_chats") == []


async def test_nobody_is_taken_out_of_a_chat_in_which_they_are_answered(services: Services, ann: Who):
    await chats.say(ann.conversation, await personas.active(ann.conversation), ann.user.id, "now")
    await rows("UPDATE chat_messages SET created_at = now()")
    told = await handed_in(services, ann, as_jsonl(CHAT))
    assert told.payload["key"] == "chat.being_written"
    assert await row("SELECT count(*) AS n FROM chat_messages") == {"n": 2}
