"""Lines that a person might say next in a chat: what they are written from. A suggestion itself is stored nowhere."""

import json
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from db.connection import row
from db.personas import Persona
from db.personas.macros import SOMEBODY
from db.records import build
from db.work import Allowance, JobParameters, Links

MOST: Final = 12
"""Last messages of the chat that a suggestion is written from."""
_BASIS: Final = f"""
WITH reply AS (SELECT m.*, s.id AS turn FROM chat_messages m JOIN chat_messages s ON s.id = m.reply_to_id AND s.chosen
    JOIN conversations c ON c.id = m.conversation_id WHERE m.id = $2 AND c.account_id = $1 AND m.role = 'persona')
SELECT to_jsonb(p) AS persona, i.name, i.language, (SELECT jsonb_agg(to_jsonb(l) ORDER BY l.turn, l.id) FROM (
    SELECT m.id, coalesce(m.reply_to_id, m.id) AS turn, m.text,
        CASE m.role WHEN 'persona' THEN (SELECT q.name FROM personas q
            WHERE q.id = coalesce(m.speaker_id, m.persona_id)) ELSE o.name END AS speaker
    FROM chat_messages m LEFT JOIN LATERAL (SELECT name FROM identities x WHERE x.user_id = m.user_id
        AND x.platform = c.platform LIMIT 1) o ON true
    WHERE m.conversation_id = r.conversation_id AND m.persona_id = r.persona_id AND m.epoch = r.epoch
        AND m.state = 'ready' AND m.chosen AND m.verdict <> 'refused' AND m.role <> 'opening' AND m.text <> ''
        AND coalesce(m.reply_to_id, m.id) <= r.turn ORDER BY 2 DESC, m.id DESC LIMIT {MOST}) l) AS lines
FROM reply r JOIN personas p ON p.id = coalesce(r.speaker_id, r.persona_id)
JOIN conversations c ON c.id = r.conversation_id
LEFT JOIN identities i ON i.user_id = $3 AND i.platform = c.platform LIMIT 1"""


class SuggestLine(JobParameters):
    """Write what a person might say behind ``reply``, which ``persona`` said, rated at most ``allowance``."""

    type: ClassVar[str] = "suggest_line"
    persona: int
    reply: int
    allowance: Allowance = "sfw"

    def links(self) -> Links:
        """Return the persona."""
        return Links(persona_id=self.persona)


@dataclass(frozen=True, slots=True)
class SuggestionBasis:
    """Who talks with whom, and the last ``lines`` of the chat, oldest first, with the names of who said them."""

    persona: Persona
    user_name: str
    language: str
    lines: list[dict[str, Any]]


async def basis(account_id: int | None, reply_id: int, user_id: int) -> SuggestionBasis | None:
    """Return what a person's line behind an answer is written from; None if that is gone or was taken back."""
    found = await row(_BASIS, account_id, reply_id, user_id)
    if found is None:
        return None
    persona = build(Persona, json.loads(found["persona"]))
    lines = [
        {"speaker": line["speaker"] or SOMEBODY, "text": line["text"]} for line in json.loads(found["lines"] or "[]")
    ]
    return SuggestionBasis(persona, found["name"] or SOMEBODY, found["language"] or "en", lines)
