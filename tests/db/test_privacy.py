"""Owners and lifetimes: every table has a rule; export and deletion find everything of an account, and nothing else."""

import json
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

import pytest

from db import (
    accounts,
    audit,
    awaited_files,
    channels,
    chats,
    data_exports,
    drafts,
    erasure,
    feeds,
    inbox,
    jobs,
    late_updates,
    limits,
    linking,
    lorebooks,
    members,
    outbox,
    people,
    personas,
    pictures,
    privacy,
    saved_chats,
    stories,
    uploads,
    usage,
)
from db.channels import ChannelSettings
from db.connection import row, rows, transaction
from db.errors import LeaseLost
from db.feeds import NewItem
from db.limits import Subject
from db.memory import archive, indexing, memories
from db.memory.scopes import ArchiveScope
from db.migrate import migrate
from db.payloads.notice import Notice
from db.people import Who
from db.schemas import OwnerLink, Retention, SchemaSpec, TableRule, texts
from db.usage_limits import UsageLimits
from db.work import BranchingPage
from tests.db.prompting import prompts
from tests.db.world import note_page, somebody

DICE_SQL: Final = """
CREATE TABLE rolls (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts ON DELETE CASCADE,
    wish text NOT NULL, face bytea NOT NULL, rolled_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE luck (user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, saying text NOT NULL);
CREATE TABLE traces (event_key text NOT NULL, note text NOT NULL);
"""

WORDLESS: Final = (
    "archive_scopes", "company", "fact_successions", "lore_calls", "prompt_tests", "quotas", "tested_texts", "votes"
)  # fmt: skip
"""Tables without a column of words."""


@pytest.fixture
async def dice(database: str, tmp_path: Path):
    """A package with tables that belong to an account, to a person, and to an event."""
    (tmp_path / "0001_rolls.sql").write_text(DICE_SQL)
    spec = SchemaSpec(
        "dice",
        tmp_path,
        (
            TableRule("rolls", owner=("account_id",), retention=Retention(7, "rolled_at", "wish = ''")),
            TableRule("luck", owner=("user_id",)),
            TableRule("traces", owner=(OwnerLink(("event_key",), "public.outbox", ("event_key",)),)),
        ),
    )
    assert await migrate(database, [spec]) == ["dice/0001_rolls"]
    yield spec
    await rows("DROP SCHEMA dice CASCADE")
    await rows("DELETE FROM schema_migrations WHERE name LIKE 'dice/%'")


async def lives(name: str) -> Who:
    """Leave words of somebody in every table, by the transactions of the product where there is one."""
    who = await somebody(name)
    account, user, conversation = who.account.id, who.user.id, who.conversation.id
    key = f"console:{name}-1"
    await inbox.record(key)
    await late_updates.keep(who.account.platform, [(who.account.external_id, {"text": f"{name} asks late"})])
    await awaited_files.add(
        f"{key}f", {"text": f"{name}'s face"}, platform="console", account_id=account, conversation_id=conversation
    )
    await drafts.keep(conversation, user, {"values": {"premise": f"{name} hesitates"}})
    await accounts.choose_model(account, f"{name}.gguf")
    await rows(
        "UPDATE linkings SET state = 'cancelled', selector = $2 WHERE id = $1",
        await linking.offer(user, conversation), name,
    )  # fmt: skip
    await members.seen(account, user, "member", [f"{name}'s title"])
    await audit.note("model", account_id=account, user_id=user, subject=f"{name}.gguf")
    persona = await personas.create(account, user, {"name": name, "source": {"bio": f"{name}'s own"}})
    persona = await personas.edit(account, user, persona.id, {"tagline": f"{name} has changed"})
    await personas.use(conversation, persona.id)
    await rows("INSERT INTO company (conversation_id, persona_id) VALUES ($1, $2)", conversation, persona.id)
    turn = await chats.say(who.conversation, persona, user, f"it is I, {name}")
    await chats.attach_reply(turn.reply.id, f"welcome, {name}")
    await channels.save(ChannelSettings(conversation, keywords=(f"{name}'s lamp",), model=f"{name}.gguf"))
    await saved_chats.rename(who.conversation, user, f"{name}'s chat", "checked")
    await saved_chats.set_note(who.conversation, user, f"{name} is wet", 4)
    async with transaction():
        move = await stories.create(
            account_id=account, owner_id=user, conversation_id=conversation, premise=f"{name} finds a door", seed=1
        )
        await stories.attach_page(
            move.page.id, title=name, text=f"{name} opened it.", ending=False, choices=[(f"{name} runs", "bold")]
        )
        await prompts(name, who, move)
        own = await stories.choose_own(account, user, move.page.id, move.story.revision, f"{name} waits")
    await remembers(name, move.page.id, turn.reply.id)
    await indexing.index_chat(account, conversation, persona.id, who.conversation.epoch)
    book = await lorebooks.add(
        account, ArchiveScope.persona(persona.id), f"{name}'s lore", {}, [{"content": f"{name} has a cat", "keys": []}],
        author_id=user,
    )  # fmt: skip
    await lorebooks.note_called([each.id for each in await lorebooks.entries([book])], message_id=turn.reply.id)
    feed = await feeds.add(account, user, persona.id, f"https://{name}.example/feed", "sfw")
    item = NewItem(name, f"{name}'s news", f"{name} has read it", "2026-11-23T10:00:00+00:00", "sfw")
    await feeds.keep(
        await feeds.get(account, user, feed), f"{name}'s paper", [item], refused=[], most=9, minutes=60
    )  # fmt: skip
    await uploads.keep(account, user, f"{name}'s map.txt", name.encode())
    await archive.add_document(account, ArchiveScope.person(user), f"{name}'s map", [f"{name} drew it"], user_id=user)
    await rows(
        "INSERT INTO archive_vectors (chunk_id, scope_id, model, numbers) SELECT max(id), max(scope_id), $1, '{1}' "
        "FROM archive_chunks WHERE scope_id IN (SELECT id FROM archive_scopes WHERE account_id = $2)",
        f"{name}.gguf", account,
    )  # fmt: skip
    job_id = await jobs.add(
        BranchingPage(page=own.page.id, prompt=f"{name} asked"), account_id=account, user_id=user,
        conversation_id=conversation, event_key=key, destination={"token": f"{name}-secret"},
    )  # fmt: skip
    job = await jobs.claim(job_id)
    assert job is not None
    assert job.lease_token is not None
    await jobs.save_artifact(job_id, job.lease_token, "write_page", "step", {"text": f"{name} drafted"})
    await jobs.interact(job_id, {"said": f"{name} went left"})
    await usage.save(
        await usage.begin("write_page", job_id=job_id, account_id=account), usage.TaskRecord(model=f"{name}.gguf")
    )
    await limits.admit(UsageLimits(pages=9), Subject(account, user, place=True), "pages")
    await pictures.attach(account, user, conversation, name.encode())
    await data_exports.put_part(await data_exports.begin(user, None), 1, name.encode())
    await rows("UPDATE pictures SET prompt = $2, typed = $2 WHERE account_id = $1", account, f"{name} in oil")
    await outbox.add(
        key, outbox.REPLY, platform="console", conversation_id=conversation,
        payload=Notice(key=name, values={"page": own.page.id}), destination={"token": f"{name}-secret"},
    )  # fmt: skip
    await rows(
        "INSERT INTO incidents (source, rule, stage, digest, user_id) VALUES ($1, 'rating', 'stored', '', $2)",
        key,
        user,
    )
    await rows(
        "INSERT INTO reports (account_id, reporter_id, page_id, reason) VALUES ($1, $2, $3, $4)",
        account, user, move.page.id, f"{name} objects",
    )  # fmt: skip
    return who


async def remembers(name: str, page: int, reply: int) -> None:
    """Leave words of somebody in the memory of a story and of a chat."""
    await note_page(page, "sfw")
    await memories.note_reply(reply, "sfw")
    for memory in await rows(
        "SELECT m.id, m.story_id FROM memories m WHERE m.story_id = (SELECT story_id FROM pages "
        "WHERE id = $1) OR m.conversation_id = (SELECT conversation_id FROM chat_messages WHERE id = $2)",
        page,
        reply,
    ):
        place = (page, None) if memory["story_id"] else (None, reply)
        await rows(
            "WITH s AS (INSERT INTO summaries (memory_id, level, page_id, message_id, first, last, first_said, "
            "last_said, kind, text, source_hash, version) VALUES ($1, 1, $2, $3, 0, 0, 1, 1, 'plot', $4, '', '')), "
            "f AS (INSERT INTO facts (memory_id, page_id, message_id, subject, text, kind, importance, version) "
            "VALUES ($1, $2, $3, $4, $4, 'person', 5, ''), ($1, $2, $3, $4, $4, 'person', 5, '') RETURNING id), "
            "n AS (INSERT INTO fact_successions (fact_id, successor_id) SELECT min(id), max(id) FROM f), "
            "q AS (INSERT INTO tracked_questions (memory_id, question, every) VALUES ($1, $4, 4) RETURNING id), "
            "a AS (INSERT INTO tracked_answers (question_id, page_id, message_id, text, version) "
            "SELECT id, $2, $3, $4, '' FROM q), "
            "p AS (INSERT INTO pins (memory_id, text) VALUES ($1, $4)), "
            "x AS (INSERT INTO context_sessions (account_id, user_id, kind, name, elements) SELECT account_id, "
            "owner_id, 'project', $4, jsonb_build_array($4::text) FROM stories WHERE id = (SELECT story_id FROM pages "
            "WHERE id = $2)), "
            "r AS (INSERT INTO forget_requests (memory_id, user_id, word) SELECT $1, coalesce((SELECT s.owner_id FROM "
            "stories s JOIN pages g ON g.story_id = s.id WHERE g.id = $2), (SELECT t.user_id FROM chat_messages t "
            "JOIN chat_messages y ON y.reply_to_id = t.id WHERE y.id = $3)), $4), "
            "m AS (UPDATE memories SET forgotten = jsonb_build_array($4::text) WHERE id = $1), "
            "h AS (INSERT INTO short_forms (memory_id, key, kind, text, version) VALUES ($1, 'x', 'sheet', $4, '')) "
            "INSERT INTO plots (memory_id, page_id, content, version) "
            "SELECT $1, $2, jsonb_build_object('outline', $4), '' WHERE $2::bigint IS NOT NULL",
            memory["id"], *place, f"{name} remembers",
        )  # fmt: skip


async def rolls(who: Who, name: str) -> None:
    await rows(
        "INSERT INTO dice.rolls (account_id, wish, face) VALUES ($1, $2, $3)",
        who.account.id, f"{name} wants a six", name.encode(),
    )  # fmt: skip
    await rows("INSERT INTO dice.luck (user_id, saying) VALUES ($1, $2)", who.user.id, f"{name} is lucky")
    await rows("INSERT INTO dice.traces (event_key, note) VALUES ($1, $2)", f"console:{name}-1", f"{name} rolled")


async def tables_with(word: str) -> set[str]:
    """Search every text, JSON and byte column of all schemas for a word."""
    return (await tables_with_each([word]))[word]


async def tables_with_each(words: Sequence[str]) -> dict[str, set[str]]:
    """Search every text, JSON and byte column of all schemas for several words at once: the tables of each."""
    found = await rows(
        "SELECT table_schema || '.' || table_name AS name, string_agg(format("
        "CASE WHEN data_type = 'bytea' THEN 'encode(%I, ''escape'')' ELSE '%I::text' END, column_name), ' || ' "
        "ORDER BY column_name) AS words FROM information_schema.columns WHERE table_schema NOT LIKE 'pg\\_%' "
        "AND table_schema <> 'information_schema' AND data_type IN ('text', 'character varying', 'jsonb', 'bytea') "
        "GROUP BY 1"
    )
    hits: dict[str, set[str]] = {word: set() for word in words}
    for table in found:
        columns = table["words"].replace(" || ", ", ")
        for hit in await rows(
            f"SELECT DISTINCT word FROM (SELECT concat_ws(' ', {columns}) AS all_words FROM {table['name']}) t, "
            "unnest($1::text[]) word WHERE strpos(all_words, word) > 0",
            list(words),
        ):
            hits[hit["word"]].add(table["name"])
    return hits


async def exported(who: Who, spec: SchemaSpec) -> dict[str, list[dict[str, Any]]]:
    export: dict[str, list[dict[str, Any]]] = {}
    async with aclosing(data_exports.export_account(who.account.id, [spec])) as batches:
        async for table, batch in batches:
            export.setdefault(table, []).extend(batch)
    return export


async def test_every_table_has_a_rule_that_leads_to_an_account(database: str, dice: SchemaSpec):
    assert await privacy.problems(database, [dice]) == []
    await rows("CREATE TABLE dice.forgotten (id bigint PRIMARY KEY)")
    await rows("ALTER TABLE dice.rolls DROP CONSTRAINT rolls_account_id_fkey")
    await rows("DROP TABLE dice.luck")
    assert await privacy.problems(database, [dice]) == [
        ("dice", "there is a rule for table dice.luck, which does not exist"),
        ("dice", "table dice.forgotten has no rule for owner and lifetime"),
        ("dice", "the owner of table dice.rolls leads to no account"),
    ]


async def test_a_column_of_text_says_whose_it_is(database: str):
    try:
        await rows("ALTER TABLE stories ADD COLUMN moral text")
        await rows("ALTER TABLE drafts ADD COLUMN vector real[]")
        assert await privacy.problems(database, []) == [
            ("public", "column vector of table public.drafts holds texts of which no rule says whose"),
            ("public", "column moral of table public.stories holds texts of which no rule says whose"),
        ]
    finally:
        await rows("ALTER TABLE stories DROP COLUMN moral")
        await rows("ALTER TABLE drafts DROP COLUMN vector")


async def test_an_export_holds_all_that_is_an_accounts_and_nothing_of_another(database: str, dice: SchemaSpec):
    zephyr, quill = await lives("zephyr"), await lives("quillon")
    await rolls(zephyr, "zephyr")
    await rolls(quill, "quillon")
    export = await exported(zephyr, dice)
    words = json.dumps(export, default=repr)
    assert "quillon" not in words
    assert "secret" not in words, "a token for answering was exported"
    wordless = {f"public.{table}" for table in WORDLESS}
    assert set(export) == (await tables_with("zephyr") | wordless) - data_exports.ARCHIVES
    everything = {table for table, rule in privacy.rules([dice]).items() if rule.owner} - data_exports.ARCHIVES
    assert set(export) == everything, "let `lives` write a word into the new table"
    for table in everything - wordless - {"public.picture_files"}:
        assert "zephyr" in json.dumps(export[table], default=repr), table
    assert export["public.picture_files"][0]["data"] == b"zephyr"


async def test_an_erased_account_leaves_no_word_and_the_other_keeps_all(database: str, dice: SchemaSpec):
    zephyr, quill = await lives("zephyr"), await lives("quillon")
    await rolls(zephyr, "zephyr")
    await rolls(quill, "quillon")
    kept = await exported(quill, dice)
    assert await erasure.erase_account(zephyr.account.id, [dice])
    assert await tables_with("zephyr") == set()
    assert await exported(quill, dice) == kept
    assert not await erasure.erase_account(zephyr.account.id, [dice])


async def test_a_job_that_runs_while_its_account_is_erased_commits_nothing(database: str):
    who = await lives("zephyr")
    job = await row("SELECT id, lease_token FROM jobs WHERE account_id = $1", who.account.id)
    assert job is not None
    assert await erasure.erase_account(who.account.id, [])
    with pytest.raises(LeaseLost):
        await jobs.save_artifact(job["id"], job["lease_token"], "late", "step", {"text": "zephyr again"})
    assert await tables_with("zephyr") == set()


async def test_a_user_stays_while_another_account_knows_them(database: str):
    private = await somebody("ann")
    group = await somebody("ann", chat="club", kind="group")
    assert private.user.id == group.user.id
    await stories.create(
        account_id=group.account.id, owner_id=group.user.id, conversation_id=group.conversation.id, premise="a", seed=1
    )
    assert await erasure.erase_account(private.account.id, [])
    assert await people.user(group.user.id) is not None
    assert await stories.list_owned(group.account.id, group.user.id) != []
    assert await erasure.erase_account(group.account.id, [])
    assert await people.user(group.user.id) is None


async def test_the_rows_of_a_removed_package_die_with_their_account(database: str, dice: SchemaSpec):
    zephyr = await lives("zephyr")
    await rolls(zephyr, "zephyr")
    await rows("ALTER TABLE dice.rolls DROP CONSTRAINT rolls_account_id_fkey")
    await rows("ALTER TABLE dice.rolls ADD FOREIGN KEY (account_id) REFERENCES accounts")  # would forbid the deletion
    assert await erasure.erase_account(zephyr.account.id, [])
    assert await tables_with("zephyr") == {"dice.traces"}, "only what nothing in the database links to an account stays"


async def test_lifetimes_end(database: str, dice: SchemaSpec):
    who = await somebody("ann")
    for days, name in ((29, "young"), (31, "old")):
        await inbox.record(f"console:{name}")
        await rows(
            "UPDATE inbox SET received_at = now() - make_interval(days => $2) WHERE event_key = $1",
            f"console:{name}", days,
        )  # fmt: skip
    for wish in ("", "a six"):
        await rows(
            "INSERT INTO dice.rolls (account_id, wish, face, rolled_at) VALUES ($1, $2, '', now() - interval '8 days')",
            who.account.id, wish,
        )  # fmt: skip
    gone = await privacy.prune([dice])
    assert {table: n for table, n in gone.items() if n} == {"public.inbox": 1, "dice.rolls": 1}
    assert await rows("SELECT event_key FROM inbox") == [{"event_key": "console:young"}]
    assert await rows("SELECT wish FROM dice.rolls") == [{"wish": "a six"}]


async def test_more_than_one_batch_is_cleaned_up(database: str):
    await rows(
        "INSERT INTO inbox (event_key, received_at) "
        "SELECT 'console:' || n, now() - interval '40 days' FROM generate_series(1, 2500) n"
    )
    assert (await privacy.prune([]))["public.inbox"] == 2500


async def test_a_packages_broken_rule_stops_nobody_elses(database: str, dice: SchemaSpec):
    broken = SchemaSpec("dice", dice.migrations, (TableRule("luck", retention=Retention(1, "nosuch")),))
    await inbox.record("console:1")
    await rows("UPDATE inbox SET received_at = now() - interval '31 days'")
    gone = await privacy.prune([broken])
    assert {table: n for table, n in gone.items() if n} == {"public.inbox": 1}


async def test_an_attachment_goes_a_day_after_no_picture_needs_it(database: str):
    who = await somebody()
    source = await pictures.attach(who.account.id, who.user.id, who.conversation.id, b"x")
    await rows(
        "INSERT INTO pictures (account_id, kind, source_id) VALUES ($1, 'variation', $2)", who.account.id, source
    )
    await rows("UPDATE pictures SET created_at = now() - interval '25 hours'")
    assert (await privacy.prune([]))["public.pictures"] == 0
    await rows("DELETE FROM pictures WHERE kind = 'variation'")
    assert (await privacy.prune([]))["public.pictures"] == 1


def test_a_rule_without_a_lifetime_is_refused():
    with pytest.raises(ValueError, match="owner or a retention"):
        TableRule("rolls")
    with pytest.raises(ValueError, match="owner or a retention"):
        TableRule("rolls", owner=("account_id",), permanent=True)
    with pytest.raises(ValueError, match="wish is somebody's"):
        TableRule("rolls", permanent=True, texts=texts(words="wish"))
    with pytest.raises(ValueError, match="no kind of text: wishes"):
        texts(wishes="wish")


@pytest.mark.parametrize("name", ["public", "pg_dice", "Dice", 'a"b', "", "x" * 64, "information_schema"])
def test_a_schema_needs_a_name_of_its_own(name: str, tmp_path: Path):
    with pytest.raises(ValueError, match="cannot name a schema"):
        SchemaSpec(name, tmp_path, ())
