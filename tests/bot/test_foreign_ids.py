"""Accounts ask for each other's ids, through every command and button: they are told what is told of missing ones."""

import random
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.actions.packing import FILL, pack
from bot.events import Command, Event, Payload, Submit, TextMessage
from db import chats, feeds, linking, lorebooks, outbox, people, personas, pictures, saved_chats, stories, uploads
from db.connection import jsonb, row, rows, transaction
from db.memory import archive, facts, forgetting, memories
from db.memory.scopes import ArchiveScope
from tests.bot.world import Bot, event_of, press
from tests.effort import times

ACCOUNTS: Final = times(12, 1000)
QUERIES: Final = times(160, 10_000)
MISSING: Final = 10**12
FIXED: Final = {"revision": 0, "position": 1, "opened": 0, "asked": 0, "allowed": 1, "days": 30, "start": 0, "up": 1}
"""Arguments of buttons that name nothing of anybody."""
SHOWN: Final = re.compile(r"\d+")
NOTHING_OF_ANYBODY: Final = frozenset({FILL, "unlink_keep", "unwipe"})


@dataclass(frozen=True)
class Belongings:
    """What an account has, by the name of the argument that takes its id; its words, which nobody else may read."""

    who: str
    group: str
    words: str
    ids: dict[str, int] = field(default_factory=dict[str, int])


async def moves_in(bot: Bot, number: int) -> Belongings:
    """Somebody with a bit of everything: half of them in private chats, half as owners of groups."""
    name, words = f"person{number}", f"Canary {''.join(chr(97 + int(digit)) for digit in str(number))}x"
    group = f"-100{number}" if number % 2 else ""
    await bot.router.dispatch(
        event_of(Command(name="cancel"), name=name, group=group, role="owner", platform="telegram")
    )
    found = await row(
        "SELECT a.id AS account, c.id AS conversation, i.id AS identity, i.user_id AS person FROM identities i, "
        "accounts a JOIN conversations c ON c.account_id = a.id WHERE i.external_id = $1 AND a.external_id = $2",
        name, group or name,
    )  # fmt: skip
    assert found is not None
    account, conversation, person = found["account"], found["conversation"], found["person"]
    async with transaction():
        move = await stories.create(
            account_id=account, owner_id=person, conversation_id=conversation, premise=words, seed=1, mode="open"
        )
    choices = [(words, "bold"), ("Listen", "careful"), ("Wait", "curious")]
    assert await stories.attach_page(move.page.id, title=words, text=words, ending=False, choices=choices)
    await rows(
        "INSERT INTO personas (account_id, key, name, card) VALUES ($1, $2, $2, $3::jsonb)",
        account, words, jsonb({"bio": words, "tagline": words, "greeting": words}),
    )  # fmt: skip
    persona = await personas.named(account, words)
    who = await people.resolve(
        "telegram", account=("group" if group else "dm", group or name, ""), user=(name, name, ""),
        conversation=(group or f"dm-{name}", "", "group" if group else "dm"),
    )  # fmt: skip
    said = await chats.say(who.conversation, persona, person, words)
    await chats.attach_reply(said.reply.id, words)
    picture = await pictures.attach(account, person, conversation, words.encode())
    await rows(
        "UPDATE pictures SET kind = 'page', page_id = $2, prompt = $3 WHERE id = $1", picture, move.page.id, words
    )
    job = await row(
        "INSERT INTO jobs (type, queue, account_id, user_id, conversation_id) "
        "VALUES ('branching_page', 'cpu', $1, $2, $3) RETURNING id",
        account, person, conversation,
    )  # fmt: skip
    assert job is not None
    await rows(
        "INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, state, "
        "message_ids) VALUES ($1, 'reply', 'telegram', $2, 'page', $3::jsonb, '{}', 'sent', $4::jsonb)",
        words, conversation, jsonb({"page": move.page.id}), jsonb([words]),
    )  # fmt: skip
    report = await row(
        "INSERT INTO reports (account_id, reporter_id, page_id) VALUES ($1, $2, $3) RETURNING id",
        account, person, move.page.id,
    )  # fmt: skip
    assert report is not None
    memory = await memories.open_chat(conversation, persona.id)
    assert memory is not None
    fact = await facts.add_by_hand(memory.id, person, words, words, "checked")
    chat = await saved_chats.rename(who.conversation, person, words, "checked")
    request = await forgetting.ask(account, memory.id, person, words)
    document = await archive.add_document(account, ArchiveScope.place(), words, [words], user_id=person)
    book = await lorebooks.add(account, ArchiveScope.place(), words, {}, [{"content": words}], author_id=person)
    feed = await feeds.add(account, person, persona.id, f"https://{words.replace(' ', '.')}/", "sfw")
    upload = await uploads.keep(account, person, words, words.encode())
    ids = {
        "memory": memory.id, "fact": fact, "entry": fact, "request": request,
        "chat": chat.id, "of": move.story.id, "document": document, "book": book, "feed": feed, "upload": upload,
        "account": account, "user": person, "owner": person, "identity": found["identity"], "story": move.story.id,
        "page": move.page.id, "persona": persona.id, "message": said.reply.id, "picture": picture, "job": job["id"],
        "asked": await linking.offer(person, conversation), "before": MISSING, "announcement": MISSING,
        "report": report["id"],
    }  # fmt: skip
    return Belongings(name, group, words, ids)


Query = Callable[[dict[str, int], str], Payload]
"""Makes what somebody does about ids and words that are another's, or nobody's."""


def _argument(arg: Arg, ids: dict[str, int]) -> int | str:
    if arg.kind == "name":
        return "none"
    return FIXED[arg.name] if arg.kind == "number" else ids[arg.name]


def button(spec: ActionSpec) -> Query:
    def ask(ids: dict[str, int], words: str) -> Payload:
        del words
        args = [_argument(each, ids) for each in spec.args]
        return press(spec.verb, *args)

    return ask


def dialog(spec: ActionSpec) -> Query:
    def fill(ids: dict[str, int], words: str) -> Payload:
        del words
        form = pack(spec.verb, *(_argument(each, ids) for each in spec.args))
        return Submit(form=form, values={"text": "I knock", "premise": "a door"})

    return fill


def queries(bot: Bot) -> Iterator[tuple[str, Query]]:
    """Every way to name something by an id, or by a name."""
    for spec in bot.topics.actions:
        if spec.verb in NOTHING_OF_ANYBODY:
            continue
        yield spec.verb, button(spec)
        if spec.form is not None:
            yield f"{spec.verb} filled in", dialog(spec)
    for name in ("story continue", "story delete"):
        yield f"{name} #", lambda ids, _, name=name: Command(name=name, rest=f"#{ids['story']}")
        yield f"{name} title", lambda _, words, name=name: Command(name=name, rest=words)
    for verb in ("use", "portrait", "export", "show", "edit", "bio", "expand", "copy", "share", "delete"):
        name = f"persona {verb}"
        yield name, lambda _, words, name=name: Command(name=name, rest=words)
        yield f"{name} id", lambda ids, _, name=name: Command(name=name, rest=str(ids["persona"]))
    for name, given in (("memory edit", {"text": "Mine."}), ("memory forget", {})):
        yield (
            name,
            lambda ids, _, name=name, given=given: Command(
                name=name, values={"fact" if given else "what": f"#{ids['fact']}", **given}
            ),
        )
    yield "archive remove", lambda ids, _: Command(name="archive remove", rest=str(ids["document"]))
    yield "archive search", lambda _, words: Command(name="archive search", rest=words.split()[-1])
    for name in ("lore show", "lore remove"):
        yield name, lambda ids, _, name=name: Command(name=name, rest=str(ids["book"]))
    for name in ("feed now", "feed remove"):
        yield name, lambda ids, _, name=name: Command(name=name, rest=str(ids["feed"]))
    yield "archive add", lambda ids, _: Command(name="archive add", values={"file": str(ids["upload"])})
    yield "permissions", lambda _, words: Command(name="permissions", rest=words)
    yield "imagine", lambda ids, _: Command(name="imagine", rest="a door", values={"picture": str(ids["picture"])})
    yield "reply", lambda _, words: TextMessage(text="I knock", reply_to=words)


async def answer(bot: Bot, asker: Belongings, payload: Payload) -> str:
    """What somebody is told, without numbers."""
    event: Event = event_of(payload, name=asker.who, group=asker.group, role="owner", platform="telegram")
    outcome = await bot.router.dispatch(event)
    said = [
        (m.title, m.body, m.footer, m.choices, [b.label for line in m.buttons for b in line], m.table, len(m.pictures))
        for m in await bot.answers(event)
    ]
    kinds = [r.kind for r in await outbox.of_event(event.key)]
    return SHOWN.sub("N", f"{outcome.status} {kinds} {said}")


async def state() -> list[dict[str, object]]:
    """What nobody else may change."""
    return await rows(
        "SELECT (SELECT jsonb_agg(to_jsonb(s) - '{updated_at,revision,cursor_id}'::text[] ORDER BY id) FROM stories s) "
        "AS s, (SELECT jsonb_agg(to_jsonb(f) ORDER BY id) FROM facts f) AS f, "
        "(SELECT count(*) FROM choices c JOIN pages p ON p.id = c.page_id JOIN stories s ON s.id = p.story_id "
        "WHERE c.user_id <> s.owner_id) AS others, "
        "(SELECT count(*) FROM pictures) AS p, (SELECT count(*) FROM personas) AS o, "
        "(SELECT jsonb_agg(state ORDER BY id) FROM jobs WHERE event_key IS NULL) AS j, "
        "(SELECT jsonb_agg(state ORDER BY id) FROM linkings) AS l"
    )


async def test_another_accounts_ids_are_not_here(bot: Bot):
    everybody = [await moves_in(bot, number) for number in range(ACCOUNTS)]
    asked = list(queries(bot))
    before = await state()
    draw = random.Random(11)
    missing: dict[tuple[str, bool], set[str]] = {}
    leaks: list[tuple[str, str, str]] = []
    for number in range(QUERIES):
        name, ask = asked[number % len(asked)]
        asker, other = draw.sample(everybody, 2)
        key = (name, bool(asker.group))
        nobodys = ask(dict.fromkeys(other.ids, MISSING), "Nobodyx")
        known = missing.setdefault(key, set())
        if not known:
            known.add(await answer(bot, asker, nobodys))
        told = (await answer(bot, asker, ask(other.ids, other.words))).replace(other.words, "Nobodyx")
        if told not in known:
            # It may depend on what the asker has done before, too: on their own story, for instance.
            known.add(await answer(bot, asker, nobodys))
        if told not in known:
            leaks.append((name, told, str(known)))
    assert leaks == []
    assert await state() == before


async def test_suggestions_name_nothing_of_others(bot: Bot):
    everybody = [await moves_in(bot, number) for number in range(6)]
    complete: Callable[[Event, str, str], Awaitable[list[tuple[str, str]]]] = bot.router.complete
    for asker in everybody:
        for spec in bot.topics.commands:
            for parameter in (p.name for p in spec.parameters if p.completes is not None):
                event = event_of(
                    Command(name=spec.name), name=asker.who, group=asker.group, role="owner", platform="telegram"
                )
                shown = str([await complete(event, parameter, ""), await complete(event, parameter, "Canary")])
                others = [other.words for other in everybody if other is not asker and other.words in shown]
                assert others == [], (spec.name, parameter)


async def test_every_argument_of_a_button_is_somebodys_or_nobodys(bot: Bot):
    known = {"id": (await moves_in(bot, 0)).ids.keys(), "number": FIXED.keys()}
    unknown = {
        (a.verb, each.name)
        for a in bot.topics.actions
        for each in a.args
        if each.kind != "name" and each.name not in known[each.kind]
    }
    assert not unknown, "let `moves_in` make one, so that others can ask for it"
