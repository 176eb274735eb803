"""Chats that come from a file: each becomes another chat of its place, with variants and dates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from db import company, saved_chats
from db.connection import jsonb, rows
from db.conversations import DEFAULT_MODE, Conversation, set_mode
from db.errors import NotFound
from db.personas import library
from db.records import columns, fetch_one
from db.saved_chats import SavedChat
from db.work import Allowance, JobParameters, Links

# Ids are given in the order of the chat, on which everything relies that reads one. What is dated later than now would
# outlive the days after which its person wants things deleted.
_ADD: Final = """
WITH given AS MATERIALIZED (SELECT r.*, nextval(pg_get_serial_sequence('chat_messages', 'id')) AS id
    FROM (SELECT * FROM jsonb_to_recordset($5::jsonb) AS x (n int, role text, answers int, turn int, speaker bigint,
        variant int, chosen boolean, hidden boolean, text text, at timestamptz) ORDER BY n) r)
INSERT INTO chat_messages (id, conversation_id, persona_id, speaker_id, user_id, epoch, role, reply_to_id, turn_id,
    variant_index, chosen, hidden, text, verdict, created_at) OVERRIDING SYSTEM VALUE
SELECT g.id, $1, $2, g.speaker, CASE WHEN g.role <> 'persona' THEN $3::bigint END, $4, g.role, q.id, t.id, g.variant,
    g.chosen, g.hidden, g.text, 'checked', least(g.at, now())
FROM given g LEFT JOIN given q ON q.n = g.answers LEFT JOIN given t ON t.n = g.turn ORDER BY g.id"""


class ImportChat(JobParameters):
    """Make another chat of the file ``upload``, with ``persona``; ``allowance`` is what it may hold."""

    type: ClassVar[str] = "import_chat"
    upload: int
    persona: int
    allowance: Allowance = "sfw"

    def links(self) -> Links:
        """Return the persona."""
        return Links(persona_id=self.persona)


@dataclass(frozen=True, slots=True)
class ChatNote:
    """The author's note of a chat, before the last ``depth`` messages."""

    text: str
    depth: int


async def add(
    account_id: int,
    user_id: int,
    conversation_id: int,
    persona_id: int,
    name: str,
    note: ChatNote,
    lines: Sequence[dict[str, Any]],
) -> SavedChat:
    """Begin another chat in a place with what was said in it, and open it; people's lines become the person's own.

    Lines in the name of another persona who talks there become that one's, all others the persona's. Of a line there
    are: ``name``, ``user``, ``variants``, ``chosen``, ``at`` (ISO 8601) and ``hidden``. All was judged. Raises
    `NotFound`, and as `db.saved_chats.begin`.
    """
    here = await fetch_one(
        Conversation,
        f"SELECT {columns(Conversation)} FROM conversations WHERE id = $2 AND account_id = $1 FOR UPDATE",
        account_id, conversation_id,
    )  # fmt: skip
    if here is None:
        raise NotFound("chat.no_such_chat")
    persona = await library.get(account_id, persona_id)
    others = {each.name.casefold(): each.id for each in await company.present(here) if each.id != persona.id}
    made = await saved_chats.begin(here, user_id, name, "checked")
    await rows(_ADD, here.id, persona.id, user_id, made.epoch, jsonb(stored_lines(lines, others)))
    await rows("UPDATE conversations SET persona_id = $2 WHERE id = $1", here.id, persona.id)
    await set_mode(here.id, DEFAULT_MODE)
    if not note.text:
        return made
    return await saved_chats.set_note(replace(here, epoch=made.epoch), user_id, note.text, note.depth)


def stored_lines(lines: Sequence[dict[str, Any]], others: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return lines as rows. ``others`` are the ids of further personas, by their names in small letters.

    A persona's line answers the person's before it, that of another one a cue of its turn; any further line answers an
    opening, in which nobody speaks.
    """
    found: list[dict[str, Any]] = []
    turn: int | None = None
    heard = set[int | None]()
    for line in lines:
        at = line["at"]
        if line["user"]:
            turn, heard = len(found), set()
            found.append(_row(turn, "user", line["variants"][line["chosen"]], at))
            continue
        speaker = others.get(line["name"].casefold())
        if turn is not None and not heard:
            answers = turn
            found[turn]["speaker"] = speaker
        else:
            answers = len(found)
            cue = turn is not None and speaker not in heard
            row = _row(answers, "cue" if cue else "opening", "", at)
            found.append({**row, "speaker": speaker, "turn": turn if cue else None})
        heard.add(speaker)
        for variant, text in enumerate(line["variants"]):
            chosen = variant == line["chosen"]
            row = _row(len(found), "persona", text, at)
            row |= {"answers": answers, "variant": variant, "speaker": speaker}
            found.append({**row, "chosen": chosen and not line["hidden"], "hidden": chosen and line["hidden"]})
    return found


def _row(n: int, role: str, text: str, at: str) -> dict[str, Any]:
    return {
        "n": n, "role": role, "answers": None, "turn": None, "speaker": None, "variant": 0, "chosen": True,
        "hidden": False, "text": text, "at": at,
    }  # fmt: skip
