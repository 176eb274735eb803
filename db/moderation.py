"""What was refused and why, without its text; strikes and cooldowns; and the verdicts on texts that people stored.

The words of people are never kept here: an incident has a keyed hash, which shows that something is repeated.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from db import outbox, people, spent_limits
from db.connection import row, rows, transaction
from db.errors import NotAllowed
from db.heartbeats import deployment
from db.payloads.base import Payload
from db.payloads.report import PauseBegun
from db.settings import ModerationSettings

Rule = Literal["minors", "rating"]
"""``minors``: sexual content with somebody who may be a minor. ``rating``: more than may be shown there."""
Stage = Literal["stored", "input", "output"]
"""Where it was found: in a text that a person stores, before a model is asked, or in what it wrote."""
Verdict = Literal["unchecked", "checked", "refused"]
REFUSALS: Final = frozenset({"moderation.refused_minors", "moderation.refused_rating"})
"""The keys of the wordings of refused texts."""
HELP_SECONDS: Final = 3600
"""The help line is shown once in this time in a conversation."""


@dataclass(frozen=True, slots=True)
class ModerationPolicy:
    """The operator's rules: how many strikes within ``strike_hours`` cost ``cooldown_hours``; 0 strikes: none ever do.

    ``classified``: a classifier of texts is configured.
    ``help_line`` replaces the wording that people in a crisis get. ``operators``
    (``platform:user id``) are told of cooldowns and reports.
    """

    strikes: int = 3
    strike_hours: int = 24
    cooldown_hours: int = 24
    help_line: str = ""
    classified: bool = False
    operators: frozenset[str] = field(default_factory=frozenset[str])


PLAIN: Final = ModerationPolicy()
"""The defaults."""


def policy_of(settings: ModerationSettings, operators: frozenset[str]) -> ModerationPolicy:
    """Return the rules that the settings state."""
    return ModerationPolicy(
        strikes=settings.storyfork_strikes,
        strike_hours=settings.storyfork_strike_hours,
        cooldown_hours=settings.storyfork_cooldown_hours,
        help_line=settings.storyfork_help_line.strip(),
        classified=bool(settings.storyfork_text_classifiers),
        operators=operators,
    )


class TextRefused(NotAllowed):
    """A text was refused. ``texts`` are only hashed; ``field`` names the stored field or the AI function."""

    def __init__(self, rule: Rule, *, stage: Stage, field: str, texts: Iterable[str], rating: str) -> None:
        """``rating`` is what may be shown there."""
        super().__init__(f"moderation.refused_{rule}", rating=rating)
        self.rule, self.stage, self.field = rule, stage, field
        self.digest = hashlib.blake2b("\x00".join(texts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


async def note(
    refused: TextRefused,
    policy: ModerationPolicy,
    *,
    source: str,
    account_id: int | None,
    user_id: int | None,
    conversation_id: int | None,
) -> set[str]:
    """Record an incident; enough of a person's own strikes begin a cooldown, of which the operators are told.
    After it they are counted anew.

    A strike is sexual content about minors in a person's own words; not in a prompt, which may forbid just that.
    ``source`` is the event or job. Returns the platforms whose
    couriers have something to send.
    """
    async with transaction():
        return await _note(
            refused,
            policy,
            source=source,
            account_id=account_id,
            user_id=user_id,
            conversation_id=conversation_id,
        )


async def _note(
    refused: TextRefused,
    policy: ModerationPolicy,
    *,
    source: str,
    account_id: int | None,
    user_id: int | None,
    conversation_id: int | None,
) -> set[str]:
    key = (await deployment()).encode()
    digest = hmac.new(key, refused.digest, "sha256").hexdigest()
    new = await row(
        "INSERT INTO incidents (source, rule, stage, field, digest, account_id, user_id, conversation_id) "
        "SELECT $1, $2, $3, $4, $5, (SELECT id FROM accounts WHERE id = $6), (SELECT id FROM users WHERE id = $7), "
        "(SELECT id FROM conversations WHERE id = $8) ON CONFLICT DO NOTHING RETURNING id",
        source, refused.rule, refused.stage, refused.field, digest, account_id, user_id, conversation_id,
    )  # fmt: skip
    mild = refused.rule != "minors" or refused.stage == "output" or refused.field == "override"
    if new is None or user_id is None or mild or not policy.strikes:
        return set()
    before = await spent_limits.strikes(user_id, policy.strike_hours)
    struck = await row(
        "UPDATE users SET cooldown_until = now() + make_interval(hours => $3) WHERE id = $1 "
        "AND coalesce(cooldown_until, now()) <= now() "
        "AND $4 <= $5 + (SELECT count(*) FROM incidents i WHERE i.user_id = $1 AND i.rule = 'minors' "
        "AND i.stage <> 'output' AND i.field <> 'override' "
        "AND i.created_at > greatest(now() - make_interval(hours => $2), coalesce(cooldown_until, '-infinity'))) "
        "RETURNING cooldown_until",
        user_id, policy.strike_hours, policy.cooldown_hours, policy.strikes, before,
    )  # fmt: skip
    if struck is None:
        return set()
    told = PauseBegun(user=user_id, strikes=policy.strikes, until=struck["cooldown_until"].isoformat())
    return await tell_operators(policy, f"cooldown:{new['id']}", told)


async def tell_operators(policy: ModerationPolicy, key: str, payload: Payload) -> set[str]:
    """Send a message to every operator whose private chat is known; return the platforms concerned."""
    told: set[str] = set()
    for operator in sorted(policy.operators):
        platform, _, external_id = operator.partition(":")
        chat = await people.private_chat(platform, external_id)
        place = None if chat is None else await outbox.place_of(chat, None)
        if chat is None or place is None:
            continue
        await outbox.add(
            f"moderation:{key}:{operator}",
            outbox.NOTICE,
            platform=place.platform,
            conversation_id=chat,
            payload=payload,
            destination={**place.destination, "user_id": external_id},
        )
        told.add(platform)
    return told


def check_cooldown(until: datetime | None) -> None:
    """Raise `NotAllowed` while a person's cooldown lasts."""
    if until is not None and until > datetime.now(UTC):
        raise NotAllowed("moderation.cooldown", when=until.isoformat())


async def end_cooldown(user_id: int) -> bool:
    """Let a person go on at once, with no strikes; return whether they had to wait."""
    ended = "UPDATE users SET cooldown_until = now() WHERE id = $1 AND cooldown_until > now() RETURNING id"
    return bool(await rows(ended, user_id))


async def offer_help(conversation_id: int) -> bool:
    """Return whether the help line is due in a conversation, and note that it is shown."""
    found = await row(
        "UPDATE conversations SET help_told_at = now() WHERE id = $1 "
        "AND coalesce(help_told_at, '-infinity') < now() - make_interval(secs => $2) RETURNING id",
        conversation_id, HELP_SECONDS,
    )  # fmt: skip
    return found is not None


async def refuse_of_page(page_id: int) -> None:
    """Record that what a person wrote for a page was refused: their own action, or the premise of its story."""
    await rows(
        "WITH page AS (SELECT story_id, choice_id, parent_id FROM pages WHERE id = $1), "
        "own AS (UPDATE choices c SET verdict = 'refused' FROM page WHERE c.id = page.choice_id AND c.kind = 'own' "
        "AND c.verdict = 'unchecked') "
        "UPDATE stories s SET verdict = 'refused' FROM page WHERE s.id = page.story_id AND page.parent_id IS NULL "
        "AND s.verdict = 'unchecked'",
        page_id,
    )


async def refuse_of_reply(reply_id: int) -> None:
    """Record that the message which a reply answers was refused: it never reaches a prompt again."""
    await rows(
        "UPDATE chat_messages m SET verdict = 'refused' FROM chat_messages r "
        "JOIN chat_messages q ON q.id = r.reply_to_id WHERE r.id = $1 AND m.id = coalesce(q.turn_id, q.id) "
        "AND m.verdict = 'unchecked'",
        reply_id,
    )
