"""Linking: a person on one platform and a person on another say that they are one, and become one.

The first side gets a one-time code, the other enters it, and both confirm (`offer`, `new_code`, `enter`, `confirm`).
Then everything of the other is the first's: identities, the personal account, and what refers to either. A person has
one identity on a platform at most. `split` takes an identity off again, as a new person with an empty account.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

from db import accounts, jobs
from db import linking_codes as codes
from db.connection import ids, row, rows, transaction
from db.errors import NotAllowed, NotFound
from db.jobs import Abandoned
from db.merging import Merger
from db.people import Identity, Who, identities_of, personal_account
from db.records import columns, fetch_one
from db.work import Failure, notice

LIFE_SECONDS: Final = 600
"""How long a code may be entered, and then, anew, be confirmed."""
TRIES: Final = 5
"""Wrong codes that begin like one, before it is void; and of one identity within `LIFE_SECONDS`."""
_SELECTOR_TRIES: Final = 20
_CANCELLED: Final = Failure("job.cancelled")


@dataclass(frozen=True, slots=True)
class Linking:
    """The linking of ``user_id``, who asked for the code, with ``other_user_id``, who entered it.

    ``state``: ``offered``, ``asked`` (both are asked whether to go on), ``done``, ``cancelled``. ``open`` is false once
    it expired.
    """

    id: int
    user_id: int
    conversation_id: int
    other_user_id: int | None
    other_conversation_id: int | None
    state: str
    confirmed: bool
    other_confirmed: bool
    open: bool

    def away_from(self, conversation_id: int) -> int | None:
        """Return the conversation of the side that is not asked here."""
        return self.other_conversation_id if conversation_id == self.conversation_id else self.conversation_id


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of an entered code.

    ``asked``: both are to be asked now; ``again``: they were asked before. ``wrong``: there is no such code (any more);
    ``left`` more tries. ``locked``: too many wrong codes. ``own``: it is one's own code. ``taken``: both are on
    ``platform``.
    """

    result: Literal["asked", "again", "wrong", "locked", "own", "taken"]
    linking: Linking | None = None
    left: int = 0
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """An identity that was taken off, and the jobs whose answers were due in its private chat."""

    identity: Identity
    abandoned: list[Abandoned]


_LINK: Final = columns(Linking, without=("open",)) + ", state IN ('offered', 'asked') AND expires_at > now() AS open"


async def offer(user_id: int, conversation_id: int) -> int:
    """Begin to link a person, who is told the code in a private conversation; an earlier code is void. Returns the id.

    `new_code` makes the code.
    """
    await rows("DELETE FROM linkings WHERE user_id = $1 AND state <> 'done'", user_id)
    made = await row(
        "INSERT INTO linkings (user_id, conversation_id, expires_at) "
        "VALUES ($1, $2, now() + make_interval(secs => $3)) RETURNING id",
        user_id, conversation_id, LIFE_SECONDS,
    )  # fmt: skip
    assert made is not None
    return made["id"]


async def new_code(link_id: int) -> str | None:
    """Return a code for an offered link, which replaces an earlier one; None if it is not offered any more.

    Call it when the code is shown: only its hash is stored.
    """
    for _ in range(_SELECTOR_TRIES):
        code = codes.new_code()
        stored = await codes.hashed(code)
        await rows("UPDATE linkings SET selector = NULL WHERE selector = $1 AND expires_at < now()", stored.selector)
        found = await row(
            "UPDATE linkings SET selector = $2, salt = $3, code_hash = $4 WHERE id = $1 AND state = 'offered' "
            "AND expires_at > now() AND NOT EXISTS (SELECT FROM linkings o WHERE o.selector = $2 "
            "AND o.state = 'offered' AND o.id <> $1) RETURNING id",
            link_id, stored.selector, stored.salt, stored.digest,
        )  # fmt: skip
        if found is not None:
            return code
        link = await get(link_id)
        if link is None or not link.open or link.state != "offered":
            return None
    raise RuntimeError("no code is free")


async def get(link_id: int) -> Linking | None:
    """Return a link; None if it is gone."""
    return await fetch_one(Linking, f"SELECT {_LINK} FROM linkings WHERE id = $1", link_id)


async def enter(typed: str, who: Who) -> Entered:
    """Take a code that a person entered in their private conversation. Call it in a transaction, and commit it."""
    guesses = await row(
        "UPDATE identities SET wrong_codes = CASE WHEN wrong_since > now() - make_interval(secs => $2) "
        "THEN wrong_codes ELSE 0 END WHERE id = $1 RETURNING wrong_codes",
        who.identity.id, LIFE_SECONDS,
    )  # fmt: skip
    if guesses is None or guesses["wrong_codes"] >= TRIES:
        return Entered("locked")
    found = await _find(codes.read_code(typed), who.user.id)
    if found is None:
        await rows(
            "UPDATE identities SET wrong_codes = wrong_codes + 1, "
            "wrong_since = CASE wrong_codes WHEN 0 THEN now() ELSE wrong_since END WHERE id = $1",
            who.identity.id,
        )  # fmt: skip
        left = TRIES - guesses["wrong_codes"] - 1
        return Entered("wrong" if left else "locked", left=left)
    if found.user_id == who.user.id:
        return Entered("own")
    if found.state == "asked":
        return Entered("again", found)
    if platform := await _both_on(found.user_id, who.user.id):
        return Entered("taken", platform=platform)
    asked = await fetch_one(
        Linking,
        "UPDATE linkings SET state = 'asked', other_user_id = $2, other_conversation_id = $3, "
        f"expires_at = now() + make_interval(secs => $4) WHERE id = $1 RETURNING {_LINK}",
        found.id, who.user.id, who.conversation.id, LIFE_SECONDS,
    )  # fmt: skip
    return Entered("asked", asked)


async def confirm(link_id: int, user_id: int) -> Linking:
    """Note that a side consents; once both do, they are one (``done``). Call it in a transaction.

    Raises `NotFound` if it is too late, `NotAllowed` for anybody else, and if both are on one platform by now.
    """
    link = await _side(link_id, user_id)
    mine = "confirmed" if user_id == link.user_id else "other_confirmed"
    noted = await fetch_one(Linking, f"UPDATE linkings SET {mine} = true WHERE id = $1 RETURNING {_LINK}", link_id)
    assert noted is not None
    assert noted.other_user_id is not None
    if not (noted.confirmed and noted.other_confirmed):
        return noted
    if platform := await _both_on(noted.user_id, noted.other_user_id):
        raise NotAllowed("link.taken", platform=platform)
    await _join(noted.user_id, noted.other_user_id)
    done = await fetch_one(Linking, f"UPDATE linkings SET state = 'done' WHERE id = $1 RETURNING {_LINK}", link_id)
    assert done is not None
    return done


async def cancel(link_id: int, user_id: int) -> Linking:
    """End a linking: either side may. Raises `NotFound`, `NotAllowed`."""
    link = await _side(link_id, user_id)
    await rows("UPDATE linkings SET state = 'cancelled' WHERE id = $1", link.id)
    return link


async def split(user_id: int, identity_id: int) -> Split:
    """Take an identity off its person: it gets a new person, whose account is empty. Call it in a transaction.

    The personal account stays with the other identities. What was done in groups of the identity's platform goes with
    it: the others cannot reach those. Its private conversations stay with the account, where nobody reads them any
    more, and what was still to be sent there is not sent. Raises `NotFound`.
    """
    await rows("SELECT id FROM users WHERE id = $1 FOR UPDATE", user_id)
    known = await identities_of(user_id)
    leaving = next((i for i in known if i.id == identity_id), None)
    staying = [i for i in known if i.id != identity_id]
    if leaving is None or not staying:
        raise NotFound("link.not_linked")
    merger = await Merger.read()
    account = await personal_account(user_id)
    await _rehome(merger, user_id, account, leaving, staying[0])
    made = await row(
        "INSERT INTO users (platform, external_id, name, language) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (platform, external_id) DO UPDATE SET name = excluded.name RETURNING id",
        leaving.platform, leaving.external_id, leaving.name, leaving.language,
    )  # fmt: skip
    assert made is not None
    await rows("UPDATE identities SET user_id = $2 WHERE id = $1", leaving.id, made["id"])
    await _keep_limits(user_id, made["id"])
    await merger.hand_over(
        user_id, made["id"], "SELECT id FROM accounts WHERE platform = $3 AND kind IN ('guild', 'group')",
        leaving.platform,
    )  # fmt: skip
    if account is not None:
        await accounts.drop_vouched(account, leaving.platform)
    abandoned = [] if account is None else await _close_conversations(account, leaving.platform)
    return Split(leaving, abandoned)


async def _find(code: str, user_id: int) -> Linking | None:
    """Return the link of a code that may be used, or was used by this person; counts a wrong one."""
    found = await row(
        f"SELECT {_LINK}, salt, code_hash FROM linkings WHERE selector = $1 AND expires_at > now() AND tries < $3 "
        "AND (state = 'offered' OR (state = 'asked' AND other_user_id = $2)) ORDER BY state = 'offered' LIMIT 1 "
        "FOR UPDATE",
        code[: codes.SELECTOR], user_id, TRIES,
    )  # fmt: skip
    # As much work for a code that nobody has: the time says nothing.
    salt, digest = (found["salt"], found["code_hash"]) if found is not None else (b"-" * 16, b"-" * 64)
    same = await codes.matches(code, salt, digest)
    if found is None or same:
        return await get(found["id"]) if found is not None else None
    await rows("UPDATE linkings SET tries = tries + 1 WHERE id = $1", found["id"])
    return None


async def _side(link_id: int, user_id: int) -> Linking:
    """Return an open link, locked, if the person is a side of it."""
    link = await fetch_one(Linking, f"SELECT {_LINK} FROM linkings WHERE id = $1 FOR UPDATE", link_id)
    if link is None or (link.open and user_id not in (link.user_id, link.other_user_id)):
        raise NotFound("link.gone")
    if link.state == "done":
        raise NotFound("link.done_before")
    if not link.open or link.state != "asked":
        raise NotFound("link.gone")
    return link


async def _both_on(user_id: int, other_id: int) -> str:
    """Return a platform on which both people have an identity, "" if there is none."""
    there = {i.platform for i in await identities_of(user_id)}
    return next((i.platform for i in await identities_of(other_id) if i.platform in there), "")


async def _join(kept: int, gone: int) -> None:
    """Make two people and their personal accounts one."""
    merger = await Merger.read()
    account, other = await personal_account(kept), await personal_account(gone)
    if other is not None:
        if account is None:
            await _take_over(kept, other)
        else:
            await merger.join_accounts(account, other)
            await _name_account(account, other, kept, gone)
    await rows(
        "UPDATE quotas k SET whole_at = greatest(k.whole_at, g.whole_at) FROM quotas g "
        "WHERE k.user_id = $1 AND g.user_id = $2 AND g.name = k.name",
        kept, gone,
    )  # fmt: skip
    await merger.join_users(kept, gone)


async def _take_over(user_id: int, account_id: int) -> None:
    await rows(
        "UPDATE accounts a SET platform = u.platform, external_id = u.external_id FROM users u "
        "WHERE u.id = $1 AND a.id = $2",
        user_id, account_id,
    )  # fmt: skip


async def _name_account(account: int, other: int, user_id: int, other_user: int) -> None:
    """Let messages that are still to be sent name the account and the person that stay."""
    for name, kept, gone in (("account", account, other), ("user", user_id, other_user)):
        await rows(
            "UPDATE outbox o SET payload = payload || jsonb_build_object($1::text, $2::bigint) FROM conversations c "
            "WHERE c.id = o.conversation_id AND c.account_id = $4 AND o.state IN ('pending', 'sending') "
            "AND o.payload -> $1::text = to_jsonb($3::bigint)",
            name, kept, gone, account,
        )  # fmt: skip


async def _keep_limits(user_id: int, new_id: int) -> None:
    """Give a new person what another one has used up, and their cooldown: nobody gets rid of these by a new start."""
    await rows(
        "UPDATE users n SET cooldown_until = o.cooldown_until FROM users o WHERE n.id = $2 AND o.id = $1",
        user_id, new_id,
    )  # fmt: skip
    await rows(
        "INSERT INTO quotas (user_id, name, whole_at) SELECT $2, name, whole_at FROM quotas WHERE user_id = $1 "
        "ON CONFLICT DO NOTHING",
        user_id, new_id,
    )  # fmt: skip


async def _rehome(merger: Merger, user_id: int, account: int | None, leaving: Identity, staying: Identity) -> None:
    """Let person and account be named after an identity that stays, if they are named after the one that leaves."""
    home = await row("SELECT platform, external_id FROM users WHERE id = $1", user_id)
    assert home is not None
    if (home["platform"], home["external_id"]) != (leaving.platform, leaving.external_id):
        return
    # A release without identities may have met the other identity as somebody else meanwhile.
    stray = await row(
        "SELECT id FROM users WHERE platform = $1 AND external_id = $2", staying.platform, staying.external_id
    )
    if stray is not None:
        strays = await personal_account(stray["id"])
        if strays is not None and account is not None:
            await merger.join_accounts(account, strays)
        await merger.join_users(user_id, stray["id"])
    await rows(
        "UPDATE users SET platform = $2, external_id = $3, name = $4, language = $5 WHERE id = $1",
        user_id, staying.platform, staying.external_id, staying.name, staying.language,
    )  # fmt: skip
    if account is not None:
        await rows(
            "UPDATE accounts SET platform = $2, external_id = $3, kind = $4, name = $5 WHERE id = $1",
            account, staying.platform, staying.external_id, "console" if staying.platform == "console" else "dm",
            staying.name,
        )  # fmt: skip


async def _close_conversations(account_id: int, platform: str) -> list[Abandoned]:
    """Take an account's conversations on a platform out of reach, with what is still to be answered or sent there."""
    found = ids(
        await rows("SELECT id FROM conversations WHERE account_id = $1 AND platform = $2", account_id, platform)
    )
    open_jobs = await rows(
        "SELECT id FROM jobs WHERE conversation_id = ANY ($1::bigint[]) AND parent_id IS NULL "
        "AND state IN ('queued', 'running', 'waiting') ORDER BY id",
        found,
    )
    abandoned: list[Abandoned] = []
    for job_id in ids(open_jobs):
        with suppress(NotFound):  # it has answered, and waits for a choice
            async with transaction():
                ended = await jobs.abandon(job_id, _CANCELLED)
            told = ended.notification and await notice(ended.job, None, _CANCELLED)
            abandoned.append(Abandoned(ended.job, told))
    await rows(
        "UPDATE conversations SET platform = 'unlinked', chat_id = chat_id || ':' || id WHERE id = ANY ($1::bigint[])",
        found,
    )
    await rows(
        "UPDATE outbox SET state = 'superseded', lease_token = NULL, lease_expires = NULL "
        "WHERE conversation_id = ANY ($1::bigint[]) AND state IN ('pending', 'sending')",
        found,
    )
    await rows("DELETE FROM drafts WHERE conversation_id = ANY ($1::bigint[])", found)
    return abandoned
