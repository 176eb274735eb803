"""Migrations: one at a time, whoever calls; every row and constraint survives; models and schema agree."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tortoise import fields

from bot.stack.embedded import EmbeddedStack
from db import models
from db.connection import credentials
from db.migrate import MigrationError, available, migrate, pending

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def empty(stack: EmbeddedStack) -> AsyncGenerator[str]:
    """The URL of an empty database."""
    name = "migration_test"
    admin = await asyncpg.connect(**credentials(stack.database_url))
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.execute(f"CREATE DATABASE {name}")
    yield stack.database_url.replace("/storyfork", f"/{name}", 1)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def query(url: str, sql: str, *values: object) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(**credentials(url))
    try:
        return await connection.fetch(sql, *values)
    finally:
        await connection.close()


async def test_three_processes_migrate_at_once(empty: str):
    program = "import asyncio, sys; from db.migrate import migrate; print(len(asyncio.run(migrate(sys.argv[1]))))"
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, empty, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(3)
    ]
    outputs = [(await p.communicate())[0] for p in started]
    assert [p.returncode for p in started] == [0, 0, 0]
    assert sorted(int(o) for o in outputs) == [0, 0, len(available())]
    assert (await pending(empty)).names == []


# One row of every table that exists after a migration, so that the next one meets data.
POPULATE = {
    "0001_record": """
        INSERT INTO accounts (platform, kind, external_id) VALUES ('telegram', 'dm', '1');
        INSERT INTO users (platform, external_id, name) VALUES ('telegram', '1', 'ann');
        INSERT INTO personas (key, name, card) VALUES ('mira', 'Mira', '{"tagline": "x"}');
        INSERT INTO conversations (account_id, platform, chat_id, kind, persona_id)
            VALUES (1, 'telegram', '1', 'dm', 1);
        INSERT INTO stories (account_id, owner_id, conversation_id, premise, seed) VALUES (1, 1, 1, 'a door', 7);
        INSERT INTO pages (story_id, state, text) VALUES (1, 'ready', 'It was there.');
        INSERT INTO choices (page_id, position, text, kind) VALUES (1, 1, 'Open it', 'bold');
        INSERT INTO pages (story_id, parent_id, choice_id, state, number) VALUES (1, 1, 1, 'pending', 2);
        UPDATE stories SET cursor_id = 2;
        UPDATE conversations SET story_id = 1, draft = '{"form": "1.fill.0", "values": {}, "index": 0, "user": 1}';
        INSERT INTO chat_messages (conversation_id, persona_id, user_id, role, text) VALUES (1, 1, 1, 'user', 'hi');
        INSERT INTO chat_messages (conversation_id, persona_id, role, reply_to_id) VALUES (1, 1, 'persona', 1);
        INSERT INTO prompt_overrides (account_id, name, source) VALUES (1, 'story/write_page', 'x');
    """,
    "0002_work": """
        INSERT INTO jobs (type, queue, account_id, event_key) VALUES ('branching_page', 'cpu', 1, 'telegram:1');
        INSERT INTO artifacts (job_id, step, kind, content) VALUES (1, 'write_page', 'step', '{}');
        INSERT INTO inbox (event_key) VALUES ('telegram:1');
        INSERT INTO outbox (event_key, part, platform, conversation_id, kind, destination)
            VALUES ('telegram:1', 'reply', 'telegram', 1, 'page', '{}');
        INSERT INTO ai_tasks (function, job_id) VALUES ('write_page', 1);
    """,
    "0003_drafts": """
        INSERT INTO users (platform, external_id, name) VALUES ('telegram', '2', 'ben');
        INSERT INTO drafts (conversation_id, user_id, content) SELECT 1, 2, content FROM drafts WHERE user_id = 1;
    """,
    "0004_pictures": """
        INSERT INTO pictures (account_id, user_id, job_id, page_id, kind) VALUES (1, 1, 1, 1, 'page');
        INSERT INTO picture_files (picture_id, form, mime, data) VALUES (1, 'full', 'image/png', '\\x00');
    """,
    "0005_picture_loras": """
        INSERT INTO pictures (account_id, kind, lora) VALUES (1, 'imagined', 'ink:0.8');
    """,
    "0006_job_subjects": """
        INSERT INTO jobs (type, queue, page_id, parent_id) VALUES ('illustrate_page', 'gpu', 1, 1);
        INSERT INTO job_interactions (job_id, content) VALUES (1, '{}');
    """,
    "0007_foreign_key_indexes": "SELECT",
    "0008_outbox_edits": "UPDATE outbox SET edits_row = NULL",
    "0009_conversation_modes": "UPDATE conversations SET mode = 'dice'",
    "0010_leaders": "INSERT INTO leaders (name, holder) VALUES ('telegram', 'a process')",
    "0011_intake": """
        INSERT INTO late_updates (platform, chat_id, content) VALUES ('telegram', '1', '{}');
        INSERT INTO awaited_files (event_key, platform, account_id, conversation_id, event)
            VALUES ('telegram:2', 'telegram', 1, 1, '{}');
    """,
    "0012_override_limits": "UPDATE prompt_overrides SET limit_hits = 1",
    "0013_heartbeats": """
        INSERT INTO heartbeats (worker, host, queues, models, image_engines, running, capacity)
            VALUES ('den:1', 'den', '{cpu}', '{}', '{}', 0, 4)
    """,
    "0014_growth": "UPDATE conversations SET active_at = now()",
    "0015_clock": "UPDATE clock SET seen_at = now()",
    "0016_bots": "INSERT INTO bots (platform, bot) VALUES ('telegram', '123456')",
    "0017_growth_indexes": "SELECT",
    "0018_identities": """
        INSERT INTO identities (user_id, platform, external_id) VALUES (1, 'discord', '1')
    """,
    "0019_operators": """
        INSERT INTO access_rules (verdict, subject, platform, external_id, user_id)
            VALUES ('banned', 'user', 'telegram', '1', 1);
        INSERT INTO service_switches (name) VALUES ('maintenance');
        INSERT INTO audit (action, account_id, user_id) VALUES ('model', 1, 1);
    """,
    "0020_left_places": "UPDATE accounts SET left_at = now()",
    "0021_blocked_chats": "UPDATE conversations SET left_at = now()",
    "0035_verdicts": "UPDATE personas SET verdict = 'checked'",
    "0039_members": "INSERT INTO members (account_id, user_id, role) VALUES (1, 1, 'guest')",
    "0060_context_sessions": "INSERT INTO context_sessions (account_id, kind, story_id) VALUES (1, 'story', 1)",
    "0059_forget_requests": "INSERT INTO forget_requests (memory_id, user_id, word) VALUES (1, 1, 'door')",
    "0062_short_forms": """
        INSERT INTO short_forms (memory_id, key, kind, text, version) VALUES (1, 'x', 'plot', 'A door.', '1');
    """,
    "0066_standbys": "UPDATE leaders SET standby_at = now()",
    "0063_document_ratings": "UPDATE archive_documents SET rating = 'nsfw'",
    "0052_receipts": "UPDATE ai_tasks SET receipt = '{}'",
    "0053_archive_facts": """
        INSERT INTO archive_chunks (scope_id, source, fact_id, position, keys, counts)
            SELECT s.id, 'fact', f.id, 4, '{1}', '{1}' FROM archive_scopes s, facts f LIMIT 1
    """,
    "0054_archive_fact_index": "SELECT",
    "0022_moderation": """
        INSERT INTO incidents (source, rule, stage, digest, user_id) VALUES ('telegram:1', 'minors', 'stored', 'x', 1);
        INSERT INTO reports (account_id, reporter_id, page_id) VALUES (1, 1, 1);
    """,
    "0023_quotas": "INSERT INTO quotas (user_id, name, whole_at) VALUES (1, 'pages', now())",
    "0024_open_jobs": "SELECT",
    "0025_erasure": "UPDATE stories SET owner_id = NULL",
    "0026_closing": "UPDATE accounts SET closed_at = now()",
    "0027_closed_people": "UPDATE users SET closed_at = now()",
    "0028_closing_indexes": "SELECT",
    "0029_linkings": """
        INSERT INTO linkings (user_id, conversation_id, other_user_id, other_conversation_id, expires_at)
            VALUES (1, 1, 2, 1, now())
    """,
    "0030_offered_buttons": "UPDATE outbox SET buttons = '[]'",
    "0031_turns": "UPDATE accounts SET weight = 2",
    "0032_turns_indexes": "SELECT",
    "0033_welcome": "UPDATE conversations SET welcomed = false",
    "0034_story_languages": "UPDATE users SET story_language = 'de'",
    "0036_announcements": "INSERT INTO announcements (text, created_by) VALUES ('We move on Friday.', 1)",
    "0037_data_exports": """
        INSERT INTO data_exports (user_id) VALUES (1);
        INSERT INTO data_export_parts (export_id, number, data) VALUES (1, 1, '');
    """,
    "0040_archive": """
        INSERT INTO archive_scopes (account_id, kind) VALUES (1, 'place');
        INSERT INTO archive_documents (scope_id, title) VALUES (1, 'The sea');
        INSERT INTO archive_chunks (scope_id, source, document_id, position, keys, counts)
            VALUES (1, 'document', 1, 1, '{1}', '{1}');
        INSERT INTO archive_vectors (chunk_id, scope_id, model, numbers) VALUES (1, 1, 'm', '{1}');
    """,
    "0058_lore_calls": "INSERT INTO lore_calls (entry_id, page_id) VALUES (1, 1)",
    "0057_lorebooks": """
        INSERT INTO lorebooks (account_id, kind, name) VALUES (1, 'place', 'The sea');
        INSERT INTO lorebook_entries (book_id, position, name, content) VALUES (1, 0, 'tide', 'It comes at noon.');
    """,
    "0067_lore_chunks": """
        INSERT INTO archive_chunks (scope_id, source, document_id, part, position, keys, counts)
            SELECT d.scope_id, 'lore', d.id, 9, 1, '{1}', '{1}' FROM archive_documents d LIMIT 1
    """,
    "0068_lore_documents": "UPDATE archive_documents SET kind = 'lore', book_id = (SELECT min(id) FROM lorebooks)",
    "0069_lore_document_index": "SELECT",
    "0070_archive_first_text": "SELECT",
    "0071_persona_library": "UPDATE personas SET owner_id = 1, visibility = 'owner', source = 'written'",
    "0072_persona_revisions": """
        INSERT INTO persona_revisions (persona_id, revision, card) SELECT min(id), 1, '{"name": "Mira"}' FROM personas;
        INSERT INTO persona_originals (persona_id, content) SELECT min(id), '{"source": {}}' FROM personas;
    """,
    "0073_chat_openings": """
        INSERT INTO chat_messages (conversation_id, persona_id, role) SELECT 1, min(id), 'opening' FROM personas
    """,
    "0075_saved_chats": "INSERT INTO saved_chats (conversation_id, epoch, name) VALUES (1, 1, 'Rain')",
    "0090_feeds": """
        INSERT INTO feeds (account_id, persona_id, user_id, url)
            SELECT 1, min(id), 1, 'https://a.example' FROM personas;
        INSERT INTO feed_items (feed_id, digest, posted_at) VALUES (1, 'x', now());
    """,
    "0092_seeing_workers": "UPDATE heartbeats SET sees = true",
    "0091_feed_documents": "UPDATE archive_documents SET kind = 'feed'",
    "0087_channel_settings": "INSERT INTO channel_settings (conversation_id, mode) VALUES (1, 'always')",
    "0079_picture_prompts": "INSERT INTO pictures (account_id, kind, typed) VALUES (1, 'moment', 'by the sea')",
    "0084_chat_sessions": "INSERT INTO context_sessions (account_id, kind, conversation_id, persona_id, epoch) "
    "SELECT 1, 'chat', 1, min(id), n FROM personas, generate_series(0, 1) n GROUP BY n",
    "0085_hidden_messages": "UPDATE chat_messages SET hidden = true WHERE role = 'persona'",
    "0081_company": "INSERT INTO company (conversation_id, persona_id) SELECT 1, min(id) FROM personas",
    "0082_speakers": """
        INSERT INTO chat_messages (conversation_id, persona_id, role, turn_id, speaker_id)
            SELECT conversation_id, persona_id, 'cue', id, persona_id FROM chat_messages WHERE role = 'user' LIMIT 1
    """,
    "0080_story_looks": "UPDATE stories SET picture_style = 'ink', picture_negative = 'rain'",
    "0077_votes": "INSERT INTO votes (user_id, page_id, up) VALUES (1, 1, true)",
    "0078_prompt_tests": """
        INSERT INTO task_prompts (account_id, story_id, name, source) VALUES (1, 1, 'story/write_page', 'x');
        INSERT INTO prompt_tests (account_id, name) VALUES (1, 'story/write_page');
        INSERT INTO prompt_variants (account_id, test_id, name, label, share, source)
            VALUES (1, 1, 'story/write_page', 'A', 0, '');
        INSERT INTO tested_texts (variant_id, page_id) VALUES (1, 1);
    """,
    "0056_uploads": "INSERT INTO uploads (account_id, user_id, name, data) VALUES (1, 1, 'map.txt', '')",
    "0050_spent_limits": "INSERT INTO spent_limits (digest, name, ends_at) VALUES ('x', 'pages', now())",
    "0038_data_choices": "UPDATE users SET keep_days = 30",
    "0041_memory": """
        INSERT INTO memories (story_id) VALUES (1);
        INSERT INTO summaries (memory_id, level, page_id, first, last, kind, text, source_hash, version)
            VALUES (1, 1, 1, 1, 1, 'narration', 'A door.', 'x', '1');
    """,
    "0042_facts": """
        INSERT INTO facts (memory_id, page_id, subject, text, kind, importance, version)
            VALUES (1, 1, 'the door', 'It is green.', 'thing', 3, '1'), (1, 1, 'a door', 'It is red.', 'thing', 3, '');
        INSERT INTO fact_successions (fact_id, successor_id) VALUES (1, 2);
        INSERT INTO tracked_questions (memory_id, question, every) VALUES (1, 'Is it open?', 4);
        INSERT INTO tracked_answers (question_id, page_id, text, version) VALUES (1, 1, 'No.', '1');
        INSERT INTO pins (memory_id, fact_id) VALUES (1, 1);
        INSERT INTO plots (memory_id, page_id, content, version) VALUES (1, 1, '{}', '1');
    """,
    "0046_persona_jobs": "UPDATE jobs SET persona_id = (SELECT min(id) FROM personas)",
    "0047_portraits": "SELECT",
    "0048_usernames": """
        UPDATE identities SET username = 'ann' WHERE id = 1;
        UPDATE accounts SET present_at = now() WHERE id = 1;
        UPDATE bots SET start_link = 'https://t.me/bot?start=';
    """,
    "0049_username_index": "SELECT",
    "0051_awaited_files_person": "SELECT",
}
LOOSENED = {"stories_owner_id_not_null"}
"""Guards that a later version gave up on purpose: a story may outlive its owner."""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'schema\\_%' ORDER BY 1"
_CONSTRAINTS = "SELECT conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace"
_INDEXES = "SELECT indexname FROM pg_indexes WHERE schemaname = 'public'"


async def contents(connection: Any) -> dict[str, int]:
    tables = [r["tablename"] for r in await connection.fetch(_TABLES)]
    counts = " UNION ALL ".join(f"SELECT '{t}', count(*) FROM {t}" for t in tables)
    return dict(await connection.fetch(counts))


async def test_every_migration_keeps_rows_and_constraints_of_the_version_before(empty: str):
    assert set(POPULATE) == {m.name for m in available()}, "add rows for the new migration's tables to POPULATE"
    kept: dict[str, int] = {}
    guards: set[str] = set()
    # What it has prepared is no longer right after the next migration.
    connection: Any = await asyncpg.connect(**credentials(empty), statement_cache_size=0)
    for migration in available():
        assert await migrate(empty, upto=migration.name) == [migration.name]
        now = await contents(connection)
        assert {table: now[table] for table in kept} == kept
        found = {r[0] for sql in (_CONSTRAINTS, _INDEXES) for r in await connection.fetch(sql)}
        assert guards - LOOSENED <= found
        await connection.execute(POPULATE[migration.name])
        kept, guards = await contents(connection), found
        assert all(kept.values()), f"a table is empty: {kept}"
    await connection.close()


async def test_a_changed_or_unknown_migration_is_refused(empty: str):
    await migrate(empty)
    await query(empty, "UPDATE schema_migrations SET checksum = 'x' WHERE name = '0001_record'")
    with pytest.raises(MigrationError, match="changed"):
        await migrate(empty)
    await query(empty, "UPDATE schema_migrations SET name = '9999_future' WHERE name = '0001_record'")
    with pytest.raises(MigrationError, match="update Storyfork"):
        await pending(empty)


async def test_every_foreign_key_has_an_index(database: str):
    bare = await query(
        database,
        "SELECT k.conrelid::regclass || ' (' || a.attname || ')' AS column FROM pg_constraint k "
        "JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] "
        "WHERE k.contype = 'f' AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = k.conrelid "
        "AND i.indkey[0] = k.conkey[1] AND (i.indpred IS NULL "
        "OR pg_get_expr(i.indpred, i.indrelid) LIKE format('%%(%I IS NOT NULL)%%', a.attname))) ORDER BY 1",
    )
    assert [r["column"] for r in bare] == [], "deleting what these refer to would read the whole table"


async def test_models_and_schema_agree(database: str):
    columns = await query(
        database,
        "SELECT table_name, column_name, is_nullable = 'YES' AS nullable FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name NOT LIKE 'schema\\_%'",
    )
    schema = {(c["table_name"], c["column_name"]): c["nullable"] for c in columns}
    declared = {
        (model._meta.db_table, field.source_field or name): field.null
        for model in (getattr(models, n) for n in models.__all__)
        for name, field in model._meta.fields_map.items()
        if isinstance(field, fields.Field)
    }
    # inbox rows have the event's key in place of an id
    assert declared == schema
