"""Ids of others, through every button and every command: the answer is the one for an id that nobody has."""

import itertools
import random
import re
import time
from collections.abc import Mapping
from typing import Final

from bot.events import Event, Payload
from db import chats, outbox, personas, pictures, saved_chats
from db.connection import jsonb, row, rows
from db.memory import facts, forgetting, memories
from db.merging import Merger
from db.ownership import Ownership
from db.people import resolve
from db.permissions import Role
from db.privacy import rules
from tests.bot.playing import begun
from tests.bot.world import Bot, command, press
from tests.effort import times

NOBODYS: Final = 2**40
CANARY: Final = "zephyr"
OWNERS: Final = times(6, 500)
PROWLERS: Final = times(6, 500)
QUERIES: Final = times(80, 10_000)
TABLES: Final = (
    "accounts", "users", "identities", "conversations", "stories", "pages", "personas", "chat_messages", "pictures",
    "jobs", "linkings", "outbox", "memories", "facts", "forget_requests",
)  # fmt: skip
OWN: Final = frozenset({"fill", "keep_field", "skip_field", "answer_field"})
"""Buttons of one's own form: they hold no ids."""


async def owner(bot: Bot, number: int) -> dict[str, int]:
    """Somebody with one of everything; returns the ids by the names that buttons have for them."""
    name = f"owner{number}"
    story, page = await begun(bot, name=name)
    who = await resolve("console", account=("dm", name, ""), user=(name, "", ""), conversation=(f"dm-{name}", "", "dm"))
    await rows("UPDATE stories SET title = $2, premise = $2 WHERE id = $1", story.id, f"{CANARY} {number}")
    made = await row(
        "INSERT INTO personas (account_id, key, name, card) VALUES ($1, $2, $2, $3::jsonb) RETURNING id",
        who.account.id, f"{CANARY}{number}", jsonb({"name": CANARY, "tagline": CANARY, "greeting": CANARY}),
    )  # fmt: skip
    assert made is not None
    persona = await personas.get(who.account.id, made["id"])
    reply = (await chats.say(who.conversation, persona, who.user.id, CANARY)).reply
    await chats.attach_reply(reply.id, CANARY)
    picture = await pictures.attach(who.account.id, who.user.id, who.conversation.id, b"x")
    await rows("UPDATE pictures SET prompt = $2, kind = 'imagined' WHERE id = $1", picture, CANARY)
    await bot.does(command("link"), name=name)
    linking = await row("SELECT id FROM linkings WHERE user_id = $1", who.user.id)
    job = await row("SELECT id FROM jobs WHERE account_id = $1", who.account.id)
    memory = await memories.open_chat(who.conversation.id, persona.id)
    assert linking is not None
    assert job is not None
    assert memory is not None
    fact = await facts.add_by_hand(memory.id, who.user.id, CANARY, f"{CANARY} is here.", "unchecked")
    chat = await saved_chats.rename(who.conversation, who.user.id, CANARY, "checked")
    request = await forgetting.ask(who.account.id, memory.id, who.user.id, CANARY)
    return {
        "page": page.id, "story": story.id, "persona": persona.id, "message": reply.id, "picture": picture,
        "asked": linking["id"], "identity": who.identity.id, "job": job["id"], "owner": who.user.id,
        "user": who.user.id, "account": who.account.id, "announcement": NOBODYS, "before": NOBODYS,
        "report": NOBODYS, "memory": memory.id, "entry": fact, "fact": fact, "request": request,
        "chat": chat.id, "of": story.id,
    }  # fmt: skip


def queries(bot: Bot, ids: Mapping[str, int], ids_of_nobody: Mapping[str, int]) -> list[tuple[Payload, Payload]]:
    """Every button and command with these ids, each with the same for nobody's."""
    now, found = int(time.time()), list[tuple[Payload, Payload]]()
    numbers = {"revision": 0, "position": 1, "opened": now, "asked": now, "allowed": 0, "days": 30, "start": 0, "up": 1}
    names = {
        "genre": "mystery", "premise": "x", "topic": "story", "page": "x", "preference": "x", "value": "x",
        "part": "fact", "shelf": "story",
    }  # fmt: skip
    for spec in bot.topics.actions:
        if spec.verb in OWN or not any(arg.kind == "id" for arg in spec.args):
            continue
        both: list[Payload] = [
            press(
                spec.verb,
                *(
                    these[arg.name] if arg.kind == "id" else names.get(arg.name, "x") if arg.kind == "name"
                    else numbers[arg.name]
                    for arg in spec.args
                ),
            )
            for these in (ids, ids_of_nobody)
        ]  # fmt: skip
        found.append((both[0], both[1]))
    for spec in bot.topics.commands:
        for parameter in spec.parameters:
            if parameter.kind is str and not parameter.choices and not spec.operator:
                for shape, kind in itertools.product(("#{}", "{}"), ("story", "persona", "picture")):
                    typed = [shape.format(these[kind]) for these in (ids, ids_of_nobody)]
                    both = [command(spec.name, **{parameter.name: value}) for value in typed]
                    found.append((both[0], both[1]))
    return found


async def told(bot: Bot, event: Event, ids: Mapping[str, int]) -> list[str]:
    """What somebody is answered, without the ids that they named themselves."""
    named = "|".join(str(i) for i in {*ids.values(), NOBODYS})
    texts: list[str] = []
    for found in await outbox.of_event(event.key):
        if found.part != outbox.PLACEHOLDER and (message := await bot.composer.compose(found)) is not None:
            buttons = [b.label for line in message.buttons for b in line]
            shown = f"{message.title}|{message.body}|{message.footer}|{message.choices}|{buttons}"
            # What one makes oneself has a small id, and the next of its kind another.
            texts.append(re.sub(rf"#\d{{1,4}}\b|\b(?:{named})\b", "#", shown))
    return texts


async def sums() -> dict[str, object]:
    """A sum over everything that the owners have, by table."""
    owned = Ownership((await Merger.read()).catalogue, rules([]))
    theirs = "IN (SELECT id FROM accounts WHERE external_id LIKE 'owner%')"
    found = await rows(
        " UNION ALL ".join(
            f"SELECT '{table}' AS name, md5(string_agg(t::text, '|' ORDER BY t::text)) AS sum FROM {table} t "
            f"WHERE {owned.belongs(table, theirs)}"
            for table in owned.owned()
        )
    )
    return {each["name"]: each["sum"] for each in found}


async def test_ids_of_others_are_ids_of_nobody(bot: Bot):
    for number, table in enumerate(TABLES, 1):
        # No id is one of another table's, of a persona that ships, or a number in a list.
        await rows(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {number * 10_000_000})")
    owners = [await owner(bot, number) for number in range(OWNERS)]
    nobody = dict.fromkeys(owners[0], NOBODYS)
    before, chance, wrong = await sums(), random.Random(7), list[str]()
    waiting: list[tuple[Payload, Payload]] = []
    ids = owners[0]
    for _ in range(QUERIES):
        if not waiting:
            ids = chance.choice(owners)
            waiting = queries(bot, ids, nobody)
            chance.shuffle(waiting)
        there, nowhere = waiting.pop()
        name, role = f"prowler{chance.randrange(PROWLERS)}", chance.choice(("owner", "member", None))
        answers: list[list[str]] = []
        for payload in (nowhere, there):
            event = await _does(bot, payload, name, role)
            answers.append(await told(bot, event, ids))
            await rows("UPDATE identities SET wrong_codes = 0 WHERE wrong_codes > 0")
            await bot.does(command("cancel"), name=name, group=f"den-{name}" if role else "")
        if answers[0] != answers[1] or CANARY in str(answers):
            wrong.append(f"{there}: {answers[1]} instead of {answers[0]}")
    assert wrong == [], "\n".join(wrong[:20])
    assert await sums() == before, "something of the owners was changed"


async def _does(bot: Bot, payload: Payload, name: str, role: Role | None) -> Event:
    """In a place of their own, or in their private chat."""
    return await bot.does(payload, name=name, group=f"den-{name}" if role else "", role=role)
