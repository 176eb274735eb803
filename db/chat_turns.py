"""The turns of a chat: what a person said, and the variants of the persona's answer, of which one is chosen.

An answer that is written again, continued or edited becomes another variant: nothing is lost, any can be chosen again,
and only the chosen one is told to models. Where several personas have answered, each answer has its own. The greetings
of a persona are variants too: they answer an opening (`db.chat_openings`). Of a turn that was undone nothing is chosen,
neither the answers nor what they answer; of one whose answer is hidden only what it answers is.

These run in the transaction of whoever calls: what was said is locked, so that of presses at once one comes first.
"""

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from db import chats
from db.chats import Exchange, StoredMessage
from db.connection import row, rows
from db.conversations import Conversation
from db.errors import LimitReached, NotAllowed, NotFound
from db.moderation import Verdict
from db.personas import Persona
from db.records import build, columns, fetch, fetch_one
from db.work import Allowance, JobParameters, Links

MOST_VARIANTS: Final = 100
"""Variants of one answer, those included that failed."""
EDIT_CHARS: Final = 4000
"""Maximum length of an answer that is edited, in characters: what Discord's dialogs take."""
TAKEN_BACK: Final = 1000
"""Messages behind an answer that are taken back at once: more take longer than people wait for an answer."""
CONTINUED_CHARS: Final = 6000
"""An answer of so many characters is not continued any more."""
_READY: Final = "state = 'ready' AND verdict <> 'refused'"
_STATE: Final = """
SELECT to_jsonb(r) AS reply,
    (SELECT t.text FROM chat_messages s JOIN chat_messages t ON t.id = coalesce(s.turn_id, s.id)
        WHERE s.id = r.reply_to_id) AS text,
    (SELECT max(variant_index) FROM chat_messages v WHERE v.reply_to_id = r.reply_to_id) AS newest,
    EXISTS (SELECT FROM chat_messages w WHERE w.conversation_id = r.conversation_id AND w.persona_id = r.persona_id
        AND w.epoch = r.epoch AND w.id > r.reply_to_id AND w.state = 'pending') AS being_written,
    EXISTS (SELECT FROM chat_messages l WHERE l.conversation_id = r.conversation_id AND l.persona_id = r.persona_id
        AND l.epoch = r.epoch AND l.id > r.reply_to_id AND l.role = 'user' AND l.chosen AND (NOT $2 OR EXISTS (
            SELECT FROM chat_messages a WHERE a.conversation_id = l.conversation_id AND a.persona_id = l.persona_id
            AND a.epoch = l.epoch AND a.id > l.id AND a.reply_to_id >= l.id AND (a.chosen OR a.hidden)
            AND a.state = 'ready'))) AS followed
FROM chat_messages r WHERE r.id = $1"""
_SHOWN: Final = f"""
SELECT to_jsonb(m) AS message, to_jsonb(p) AS persona,
    coalesce((SELECT t.text FROM chat_messages t WHERE t.id = s.turn_id), s.text) AS said,
    s.role = 'opening' AS opens, s.chosen AS holds, m.hidden AND NOT m.chosen AS hidden, v.number, v.count,
    NOT EXISTS (SELECT FROM chat_messages l WHERE l.conversation_id = m.conversation_id
        AND l.persona_id = m.persona_id AND l.epoch = m.epoch AND l.id > s.id AND l.role = 'user' AND l.chosen) AS last
FROM chat_messages m JOIN chat_messages s ON s.id = m.reply_to_id
JOIN personas p ON p.id = coalesce(m.speaker_id, m.persona_id)
JOIN conversations c ON c.id = m.conversation_id CROSS JOIN LATERAL (
    SELECT count(*) AS count, count(*) FILTER (WHERE o.variant_index <= m.variant_index) AS number
    FROM chat_messages o WHERE o.reply_to_id = m.reply_to_id AND {_READY}) v
WHERE m.id = $2 AND c.account_id = $1"""


class JudgeEdit(JobParameters):
    """Judge the variant ``reply`` that a person wrote; it is chosen once it is checked.

    ``shown`` is the row of the outbox whose message it replaces.
    """

    type: ClassVar[str] = "judge_edit"
    reply: int
    allowance: Allowance = "sfw"
    shown: int | None = None

    def links(self) -> Links:
        """Return the variant."""
        return Links(message_id=self.reply)


@dataclass(frozen=True, slots=True)
class ShownReply:
    """A variant as people see it: the ``number``-th of ``count``. ``said`` is what it answers; ``opens``: a greeting.

    ``last``: nobody has said anything since. ``holds``: its turn was not undone. ``hidden``: a person has hidden it.
    """

    message: StoredMessage
    persona: Persona
    said: str
    number: int
    count: int
    opens: bool
    last: bool
    holds: bool
    hidden: bool


@dataclass(frozen=True, slots=True)
class Undone:
    """A turn that was undone. ``last`` is the answer that can be taken back next; None if there is none.

    ``others`` are the answers of further personas that were taken back with it.
    """

    reply: int
    last: int | None
    others: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    """A turn that is locked: a message or cue, and the answer to it; ``newest`` is the index of its last variant.

    ``text`` is what the person has said in the turn, "" if that was removed.
    """

    said: StoredMessage
    text: str
    reply: StoredMessage
    newest: int


async def shown(account_id: int | None, reply_id: int) -> ShownReply | None:
    """Return a persona's message of an account, among its variants; None if there is none."""
    found = await row(_SHOWN, account_id, reply_id)
    if found is None:
        return None
    message = build(StoredMessage, json.loads(found["message"]))
    persona = build(Persona, json.loads(found["persona"]))
    of = {name: found[name] for name in ("said", "number", "count", "opens", "last", "holds", "hidden")}
    return ShownReply(message, persona, **of)


async def editable(
    conversation: Conversation, reply_id: int, user_id: int | None = None, *, for_others: bool = True
) -> StoredMessage:
    """Return an answer that may be edited, which need not be the last; nothing is locked. Raises as `again`."""
    return (await _hold(conversation, reply_id, user_id, for_others=for_others, lock=False, anywhere=True)).reply


async def again(
    conversation: Conversation, reply_id: int, user_id: int | None = None, *, for_others: bool = True
) -> Exchange:
    """Start another variant of the last answer.

    Without ``for_others`` only for the person whose message it answers. Raises `NotFound`, `NotAllowed`.
    """
    held = await _hold(conversation, reply_id, user_id, for_others=for_others)
    if not held.text:
        raise NotFound("chat.removed")
    return Exchange(held.said, await chats.start_reply(held.said, _next(held), chosen=False))


async def go_on(
    conversation: Conversation, reply_id: int, user_id: int | None = None, *, for_others: bool = True
) -> Exchange:
    """Start a variant of the last answer that continues it. Raises as `again`, and `NotAllowed` if it is too long."""
    held = await _hold(conversation, reply_id, user_id, for_others=for_others)
    if not (held.text and held.reply.text):
        raise NotFound("chat.removed")
    if len(held.reply.text) >= CONTINUED_CHARS:
        raise NotAllowed("chat.too_long_to_continue")
    return Exchange(held.said, await chats.start_reply(held.said, _next(held), chosen=False))


async def choose(
    conversation: Conversation, reply_id: int, step: int, user_id: int | None = None, *, for_others: bool = True
) -> StoredMessage:
    """Choose the variant that stands ``step`` behind one, around the end, and return it. Raises as `again`."""
    held = await _hold(conversation, reply_id, user_id, for_others=for_others)
    ready = await fetch(
        StoredMessage,
        f"SELECT {columns(StoredMessage)} FROM chat_messages WHERE reply_to_id = $1 AND {_READY} "
        "ORDER BY variant_index",
        held.said.id,
    )
    at = next((n for n, each in enumerate(ready) if each.id == reply_id), None)
    if at is None:
        raise NotFound("chat.unknown_message")
    found = ready[(at + step) % len(ready)]
    await _choose(held.said.id, found.id)
    return found


async def edit(
    conversation: Conversation,
    reply_id: int,
    user_id: int,
    text: str,
    verdict: Verdict,
    *,
    for_others: bool = True,
) -> StoredMessage:
    """Put a person's own text in place of an answer, which need not be the last; what was there stays as a variant.

    What is not ``checked`` yet is pending until it is judged (`JudgeEdit`, `db.chats.attach_reply`). Raises as `again`.
    """
    held = await _hold(conversation, reply_id, user_id, for_others=for_others, anywhere=True)
    if text == held.reply.text:
        return held.reply
    made = await fetch_one(
        StoredMessage,
        "INSERT INTO chat_messages (conversation_id, persona_id, user_id, epoch, role, reply_to_id, variant_index, "
        "chosen, state, text, verdict, speaker_id) VALUES ($1, $2, $3, $4, 'persona', $5, $6, false, $7, $8, $9, $10) "
        f"RETURNING {columns(StoredMessage)}",
        held.said.conversation_id, held.said.persona_id, user_id, held.said.epoch, held.said.id, _next(held),
        "ready" if verdict == "checked" else "pending", text, verdict, held.said.speaker_id,
    )  # fmt: skip
    assert made is not None
    if verdict == "checked":
        await _choose(held.said.id, made.id)
    return made


async def answer_of(conversation_id: int, event_key: str) -> int | None:
    """Return the chosen answer to the message that came with an event; None if there is none, or none any more."""
    found = await row(
        "SELECT a.id FROM jobs j JOIN chat_messages r ON r.id = j.message_id JOIN chat_messages a "
        "ON a.reply_to_id = r.reply_to_id AND a.chosen WHERE j.event_key = $2 AND j.conversation_id = $1 LIMIT 1",
        conversation_id, event_key,
    )  # fmt: skip
    return None if found is None else found["id"]


async def reword(conversation: Conversation, reply_id: int, user_id: int, text: str, verdict: Verdict) -> None:
    """Put a person's new words in place of what they had said; what was remembered of it is forgotten.

    Raises as `again`; only the person themselves may do that.
    """
    held = await _hold(conversation, reply_id, user_id, for_others=False)
    if held.said.role != "user" or held.said.user_id != user_id:
        raise NotAllowed("chat.not_yours")
    await rows("UPDATE chat_messages SET text = $2, verdict = $3 WHERE id = $1", held.said.id, text, verdict)


async def unjudged(reply_id: int) -> str | None:
    """Return the text of an edited answer that waits for its verdict; None if it has one, or is gone."""
    found = await row(
        "SELECT text FROM chat_messages WHERE id = $1 AND state = 'pending' AND user_id IS NOT NULL", reply_id
    )
    return None if found is None else found["text"]


async def drop_edit(reply_id: int) -> None:
    """Give up an edited answer that was refused, or could not be judged: its text is gone, the one before stays."""
    await rows("UPDATE chat_messages SET text = '' WHERE id = $1 AND state = 'pending'", reply_id)
    await chats.give_up(reply_id)


async def begun(reply_id: int, base_id: int) -> str | None:
    """Return the text of the variant that another one of the same answer continues; None if it is gone."""
    found = await row(
        "SELECT b.text FROM chat_messages b JOIN chat_messages r ON r.reply_to_id = b.reply_to_id "
        "WHERE r.id = $1 AND b.id = $2 AND b.text <> ''",
        reply_id, base_id,
    )  # fmt: skip
    return None if found is None else found["text"]


async def undo(
    conversation: Conversation, reply_id: int, user_id: int | None = None, *, for_others: bool = True
) -> Undone:
    """Take back the last turn that was answered, with all of its answers and what was said in vain since.

    Models are told nothing of it any more, and what was remembered of it is forgotten. Raises as `again`.
    """
    held = await _hold(conversation, reply_id, user_id, for_others=for_others, answered=True)
    said = held.said
    if said.role == "opening":
        raise NotFound("chat.nothing_to_undo")
    gone = await _take_back(said, (said.turn_id or said.id) - 1, user_id, for_others=for_others)
    others = tuple(each["id"] for each in gone if each["role"] == "persona" and each["id"] != reply_id)
    last = await row(
        "SELECT r.id FROM chat_messages r JOIN chat_messages s ON s.id = r.reply_to_id WHERE r.conversation_id = $1 "
        "AND r.persona_id = $2 AND r.epoch = $3 AND r.state = 'ready' AND r.chosen AND s.role <> 'opening' "
        "ORDER BY s.id DESC LIMIT 1",
        said.conversation_id, said.persona_id, said.epoch,
    )  # fmt: skip
    return Undone(reply_id, None if last is None else last["id"], others)


async def hold_last(conversation: Conversation, reply_id: int) -> None:
    """Lock the last turn of a chat, so that of those who go on behind an answer at once one does. Raises `NotFound`."""
    await _hold(conversation, reply_id, None, for_others=True)


async def hide(
    conversation: Conversation, reply_id: int, user_id: int | None = None, *, for_others: bool = True
) -> None:
    """Hide an answer, which need not be the last: nobody is told of it, and what was remembered of it is forgotten.

    Raises as `again`, and `NotFound` if it is not the chosen one.
    """
    held = await _hold(conversation, reply_id, user_id, for_others=for_others, anywhere=True)
    if not held.reply.chosen:
        raise NotFound("chat.not_chosen")
    await rows("UPDATE chat_messages SET chosen = false, hidden = true WHERE id = $1", reply_id)


async def unhide(
    conversation: Conversation, reply_id: int, user_id: int | None = None, *, for_others: bool = True
) -> None:
    """Show an answer again that was hidden. Raises as `again`, and `NotFound` if another one has taken its place."""
    held = await _hold(conversation, reply_id, user_id, for_others=for_others, anywhere=True)
    other = await row(
        "SELECT 1 FROM chat_messages WHERE (reply_to_id = $1 AND chosen) OR (id = $2 AND NOT hidden)",
        held.said.id, reply_id,
    )  # fmt: skip
    if other is not None:
        raise NotFound("chat.not_hidden")
    await _choose(held.said.id, reply_id)


async def rewind(
    conversation: Conversation, reply_id: int, user_id: int | None = None, *, for_others: bool = True
) -> list[int]:
    """Take back everything behind an answer, which is the last one then. Return the answers that were taken back.

    Raises as `again`, and `LimitReached` if that is more than `TAKEN_BACK` messages.
    """
    held = await _hold(conversation, reply_id, user_id, for_others=for_others, anywhere=True)
    gone = await _take_back(held.said, held.said.id, user_id, for_others=for_others)
    return [each["id"] for each in gone if each["role"] == "persona"]


async def _take_back(said: StoredMessage, after: int, user_id: int | None, *, for_others: bool) -> list[dict[str, Any]]:
    """Choose nothing any more of the turns of a chat behind a message. Raises `NotAllowed`."""
    gone = await rows(
        "SELECT id, role, user_id FROM chat_messages WHERE conversation_id = $1 AND persona_id = $2 AND epoch = $3 "
        "AND id > $4 AND coalesce(reply_to_id, id) > $4 AND chosen FOR UPDATE",
        said.conversation_id, said.persona_id, said.epoch, after,
    )  # fmt: skip
    if len(gone) > TAKEN_BACK:
        raise LimitReached("chat.too_much_behind", limit=TAKEN_BACK)
    if not for_others and any(each["role"] == "user" and each["user_id"] not in (None, user_id) for each in gone):
        raise NotAllowed("chat.not_yours")
    await rows("UPDATE chat_messages SET chosen = false WHERE id = ANY ($1::bigint[])", [each["id"] for each in gone])
    return gone


async def _hold(
    conversation: Conversation,
    reply_id: int,
    user_id: int | None,
    *,
    for_others: bool,
    answered: bool = False,
    anywhere: bool = False,
    lock: bool = True,
) -> _Held:
    """Lock the last turn of a chat, which has that answer. ``answered``: what was said in vain since does not count.

    ``anywhere``: it need not be the last.

    Raises `NotFound` if it is not the last one, was undone, or is being written; `NotAllowed` if it is somebody else's.
    """
    said = await fetch_one(
        StoredMessage,
        f"SELECT {columns(StoredMessage, 's')} FROM chat_messages r JOIN chat_messages s ON s.id = r.reply_to_id "
        "JOIN chat_messages t ON t.id = coalesce(s.turn_id, s.id) WHERE r.id = $1 AND r.conversation_id = $2 "
        f"AND r.epoch = $3 {'FOR UPDATE OF t, s' if lock else ''}",
        reply_id, conversation.id, conversation.epoch,
    )  # fmt: skip
    # Read behind the lock: of two presses at once the second sees what the first has done.
    state = None if said is None else await row(_STATE, reply_id, answered)
    if said is None or state is None:
        raise NotFound("chat.unknown_message")
    if not said.chosen:
        raise NotFound("chat.undone_already")
    if state["followed"] and not anywhere:
        raise NotFound("chat.not_last")
    if said.role != "opening" and said.user_id not in (None, user_id) and not for_others:
        raise NotAllowed("chat.not_yours")
    if state["being_written"]:
        raise NotFound("chat.being_written")
    return _Held(said, state["text"], build(StoredMessage, json.loads(state["reply"])), state["newest"])


def _next(held: _Held) -> int:
    if held.newest + 1 >= MOST_VARIANTS:
        raise LimitReached("chat.too_many_variants", limit=MOST_VARIANTS)
    return held.newest + 1


async def _choose(said_id: int, reply_id: int) -> None:
    # Two statements: a unique index allows one chosen variant at any moment.
    await rows("UPDATE chat_messages SET chosen = false WHERE reply_to_id = $1 AND chosen", said_id)
    await rows("UPDATE chat_messages SET chosen = true, hidden = false WHERE id = $1", reply_id)
