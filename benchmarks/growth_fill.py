"""Rows for `benchmarks.growth`: a service that has been used for a while."""

from typing import Final

import asyncpg

CHATS_PER_ROW: Final = 100
"""There is one chat for so many pages, jobs and messages."""
PROBE: Final = "probe"
"""The external id of the account whose data has the same size in every database: a story of 100 pages, and a chat of
2,000 messages."""

_FILL: Final = """
INSERT INTO accounts (platform, kind, external_id) SELECT 'telegram', 'dm', n::text FROM generate_series(1, $c) n;
INSERT INTO users (platform, external_id, name) SELECT 'telegram', n::text, 'ann' FROM generate_series(1, $c) n;
INSERT INTO identities (user_id, platform, external_id, name) SELECT id, platform, external_id, name FROM users;
INSERT INTO personas (key, name, card) VALUES ('mira', 'Mira', '{"tagline": "x"}');
INSERT INTO conversations (account_id, platform, chat_id, kind, mode, story_id, active_at)
    SELECT n, 'telegram', n::text, 'dm', 'story', n * 5, now() - n * interval '1 minute'
    FROM generate_series(1, $c) n;
INSERT INTO stories (account_id, owner_id, conversation_id, title, premise, seed, cursor_id, revision, updated_at)
    SELECT (n - 1) / 5 + 1, (n - 1) / 5 + 1, (n - 1) / 5 + 1, 'A door', 'a keeper finds a door', n, n * 20, 19,
    now() - n * interval '1 minute' FROM generate_series(1, $n / 20) n;
INSERT INTO pages (story_id, parent_id, choice_id, number, state, chosen, title, text)
    SELECT (n - 1) / 20 + 1, nullif((n - 1) * least((n - 1) % 20, 1), 0),
    nullif(2 * (n - 1) * least((n - 1) % 20, 1), 0), (n - 1) % 20 + 1, 'ready', true, 'A door', repeat('The sea. ', 60)
    FROM generate_series(1, $n) n;
INSERT INTO choices (page_id, position, text, kind)
    SELECT (n - 1) / 2 + 1, (n - 1) % 2 + 1, 'Open the door and look', 'bold' FROM generate_series(1, $n * 2) n;
INSERT INTO chat_messages (conversation_id, persona_id, role, reply_to_id, text, created_at)
    SELECT ((n - 1) / 2) % $c + 1, 1, CASE n % 2 WHEN 1 THEN 'user' ELSE 'persona' END,
    CASE n % 2 WHEN 0 THEN n - 1 END, 'It rains again, and nobody comes.', now() FROM generate_series(1, $n) n;
INSERT INTO jobs (type, queue, state, priority, account_id, user_id, conversation_id, story_id, page_id, event_key,
    created_at, woken_at, started_at, claimed_at, finished_at, run_after, deadline, waiting_for,
    lined, turn, person_turn)
    SELECT 'branching_page', 'cpu', s.state, n / 50 % 2 * 10, (n - 1) / 100 + 1, (n - 1) / 100 + 1, (n - 1) / 100 + 1,
    (n - 1) / 20 + 1, n, 'telegram:' || n, a.at, a.at, a.at, a.at, CASE WHEN s.state IN ('done', 'dead') THEN a.at END,
    a.at, CASE s.state WHEN 'waiting' THEN now() + interval '5 days' END, CASE s.state WHEN 'waiting' THEN 'choice'
    ELSE '' END, s.state = 'queued', n / 100 % 7, 0
    FROM generate_series(1, $n) n,
    LATERAL (SELECT CASE WHEN n % 20 = 0 THEN 'waiting' WHEN n % 50 = 1 THEN 'queued' WHEN n % 100 = 2 THEN 'dead'
        ELSE 'done' END AS state) s,
    LATERAL (SELECT now() - (CASE WHEN n <= $n / 50 THEN interval '100 days' ELSE interval '2 days' END)
        * (1 - n / ($n + 1.0)) AS at) a;
INSERT INTO artifacts (job_id, step, kind, content, created_at)
    SELECT n, 'write_page', 'step', jsonb_build_object('text', repeat('The sea. ', 30)), created_at FROM jobs j,
    LATERAL (SELECT j.id AS n) i;
INSERT INTO ai_tasks (job_id, account_id, function, state, started_at)
    SELECT id, account_id, 'write_page', 'done', created_at - interval '1 day' FROM jobs;
INSERT INTO inbox (event_key, received_at) SELECT event_key, created_at FROM jobs;
INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, state, message_ids,
    created_at, asked_at, not_before, attempts)
    SELECT 'telegram:' || n, 'reply', 'telegram', CASE WHEN n % 100 = 5 THEN 1 ELSE (n - 1) / 100 + 1 END, 'page',
    jsonb_build_object('page', n), '{"chat_id": "1", "user_id": "1"}', s.state,
    CASE s.state WHEN 'sent' THEN jsonb_build_array('m' || n) ELSE '[]' END, j.created_at, j.created_at, j.created_at,
    CASE s.state WHEN 'pending' THEN 0 ELSE 1 END
    FROM jobs j, LATERAL (SELECT j.id AS n) i,
    LATERAL (SELECT CASE WHEN n % 10 = 5 THEN 'pending' WHEN n % 100 = 2 THEN 'dead' ELSE 'sent' END AS state) s;
INSERT INTO pictures (account_id, user_id, conversation_id, page_id, kind, created_at)
    SELECT (n - 1) / 5 + 1, (n - 1) / 5 + 1, (n - 1) / 5 + 1, n * 20,
    CASE n % 10 WHEN 0 THEN 'attached' ELSE 'page' END, now() - interval '10 days' * (1 - n / ($n / 20 + 1.0))
    FROM generate_series(1, $n / 20) n;
-- One person's flood, and jobs that wait for a retry.
INSERT INTO jobs (type, queue, account_id, user_id, turn, person_turn, lined, run_after)
    SELECT 'branching_page', 'cpu', 1, 1, n, n, true, now() FROM generate_series(1, $n / 10) n;
INSERT INTO jobs (type, queue, account_id, user_id, turn, person_turn, retries, run_after)
    SELECT 'branching_page', 'cpu', n, n, 0, 0, 1, now() + interval '1 hour'
    FROM generate_series(1, $n / 20) i, LATERAL (SELECT (i - 1) % $c + 1 AS n) account;
"""
_PROBE: Final = """
DO $do$
DECLARE a bigint; u bigint; c bigint; s bigint; p bigint; parent bigint; choice bigint; j bigint; m bigint; i int;
BEGIN
    INSERT INTO accounts (platform, kind, external_id) VALUES ('telegram', 'dm', 'probe') RETURNING id INTO a;
    INSERT INTO users (platform, external_id, name) VALUES ('telegram', 'probe', 'ben') RETURNING id INTO u;
    INSERT INTO conversations (account_id, platform, chat_id, kind, mode) VALUES (a, 'telegram', 'probe', 'dm', 'story')
        RETURNING id INTO c;
    INSERT INTO stories (account_id, owner_id, conversation_id, premise, seed) VALUES (a, u, c, 'a door', 1)
        RETURNING id INTO s;
    FOR i IN 1..100 LOOP
        INSERT INTO pages (story_id, parent_id, choice_id, number, state, chosen, text)
            VALUES (s, parent, choice, i, 'ready', true, repeat('The sea. ', 60)) RETURNING id INTO p;
        parent := p;
        INSERT INTO choices (page_id, position, text, kind) SELECT p, k, 'Wait', 'bold' FROM generate_series(2, 3) k;
        INSERT INTO choices (page_id, position, text, kind) VALUES (p, 1, 'Open it', 'bold') RETURNING id INTO choice;
        INSERT INTO jobs (type, queue, state, account_id, user_id, conversation_id, story_id, page_id, event_key,
            finished_at) VALUES ('branching_page', 'cpu', 'done', a, u, c, s, p, 'probe:' || i, now()) RETURNING id
            INTO j;
        INSERT INTO artifacts (job_id, step, kind, content) VALUES (j, 'write_page', 'step', '{}');
        INSERT INTO ai_tasks (job_id, account_id, function, state) VALUES (j, a, 'write_page', 'done');
        INSERT INTO inbox (event_key) VALUES ('probe:' || i);
        INSERT INTO pictures (account_id, user_id, conversation_id, job_id, page_id, kind)
            VALUES (a, u, c, j, p, 'page');
        INSERT INTO outbox (event_key, part, platform, conversation_id, kind, payload, destination, state, message_ids)
            VALUES ('probe:' || i, 'reply', 'telegram', c, 'page', '{}', '{}', 'sent', jsonb_build_array('p' || i));
    END LOOP;
    UPDATE stories SET cursor_id = p WHERE id = s;
    UPDATE conversations SET story_id = s WHERE id = c;
    FOR i IN 1..1000 LOOP
        INSERT INTO chat_messages (conversation_id, persona_id, user_id, role, text) VALUES (c, 1, u, 'user', 'Hello.')
            RETURNING id INTO m;
        INSERT INTO chat_messages (conversation_id, persona_id, role, reply_to_id, text)
            VALUES (c, 1, 'persona', m, 'Good evening.');
    END LOOP;
END $do$;
"""


async def fill(connection: asyncpg.Connection, size: int) -> None:
    """Fill an empty database so that it has about ``size`` pages, jobs and messages, and gather statistics."""
    await connection.execute("SET session_replication_role = replica")  # the references are right: no check of each
    await connection.execute(_FILL.replace("$n", str(size)).replace("$c", str(size // CHATS_PER_ROW)))
    await connection.execute("SET session_replication_role = origin")
    await connection.execute(_PROBE)
    await connection.execute("VACUUM (ANALYZE)")
