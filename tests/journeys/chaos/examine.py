"""What is left of a run: the record and the people's eyes must agree."""

import json
from collections import Counter
from typing import Any

from db.connection import rows
from tests.journeys.chaos.plan import Report
from tests.journeys.people import BUSY, CANCEL, Act, Player, Shown, Town


async def examine(report: Report, acts: list[Act], towns: dict[str, Town]) -> None:
    """Compare what people did, what the record says, and what they see; add what is wrong to the report."""
    taken = {r["event_key"] for r in await rows("SELECT event_key FROM inbox")}
    replies: dict[str, list[dict[str, Any]]] = {}
    for row in await rows(
        "SELECT event_key, kind, state, message_ids, error, (payload ->> 'page')::bigint AS page "
        "FROM outbox WHERE part = 'reply'"
    ):
        row["message_ids"] = json.loads(row["message_ids"])
        replies.setdefault(row["event_key"], []).append(row)
    report.events = len(acts)
    busy = Counter({player: sum(m.text == BUSY for m in player.messages()) for player in {act.player for act in acts}})
    for act in acts:
        # Told in words that nobody took the act: then exactly that must be so.
        told = act.player.refusals(act)
        busy[act.player] -= told
        if told > (act.key not in taken):
            report.duplicated.append(f"{act.kind} {act.key}: told {told} times too often that nobody took it")
        if act.key not in taken and (told or not towns[act.key.partition(":")[0]].must_answer(act)):
            report.refused += 1
            continue
        found = replies.get(act.key, [])
        report.overwritten += _overwritten(act, found)
        problem = _missing(act, found)
        if problem:
            state = "" if act.key in taken else " and is not in the inbox"
            report.lost.append(f"{act.kind} {act.key}: {problem}{state}")
        else:
            report.answered += 1
    report.duplicated += [f"{p.name} was told {n} times of nothing that nobody took it" for p, n in busy.items() if n]
    claims = await _claims()
    for town_name, players in _players(acts).items():
        for player in players:
            _repeated(report, town_name, player, claims)
    await _trees(report, acts, replies)


async def untaken(acts: list[Act], towns: dict[str, Town]) -> int:
    """How many acts nobody has taken or refused yet: what was said during a fault is read from the history later."""
    found = await rows("SELECT event_key FROM inbox WHERE event_key = ANY($1::text[])", [act.key for act in acts])
    taken = {r["event_key"] for r in found}
    return sum(
        act.key not in taken and not act.player.refusals(act) and towns[act.key.partition(":")[0]].must_answer(act)
        for act in acts
    )


def _overwritten(act: Act, found: list[dict[str, Any]]) -> list[str]:
    """The messages that the record says hold an answer, and that show progress instead."""
    seen = {m.id: m for m in act.player.messages()}
    sent = [m for row in found if row["state"] == "sent" for m in row["message_ids"]]
    return [f"{act.kind} {act.key}: {seen[m]}" for m in sent if m in seen and CANCEL in seen[m].labels]


def _missing(act: Act, found: list[dict[str, Any]]) -> str:
    """Why a person has no answer to an act; empty if there is one."""
    if not found:
        return "no answer"
    row = found[0]
    if row["state"] == "superseded":
        return ""
    if row["state"] != "sent":
        return f"the answer is {row['state']} ({row['error']})"
    if any(m.startswith("query:") for m in row["message_ids"]):
        return "" if act.player.told(act) else "the pop-up was not seen"
    seen = {m.id: m for m in act.player.messages()}
    # A message that was recorded although the bot never heard so is removed again, and another one takes its place.
    parts = [seen[m] for m in row["message_ids"] if m in seen]
    if not parts or not all(part.content for part in parts):
        return f"the answer is recorded as sent, but the person sees {parts}"
    return ""


async def _claims() -> dict[tuple[str, str, str], list[str]]:
    """By platform, chat and message: the events whose replies the record says it shows."""
    claims: dict[tuple[str, str, str], list[str]] = {}
    for row in await rows(
        "SELECT o.event_key, o.platform, c.chat_id, m AS message FROM outbox o JOIN conversations c "
        "ON c.id = o.conversation_id, jsonb_array_elements_text(o.message_ids) m WHERE o.part IN ('reply', 'hint')"
    ):
        claims.setdefault((row["platform"], row["chat_id"], row["message"]), []).append(row["event_key"])
    return claims


def _players(acts: list[Act]) -> dict[str, list[Player]]:
    found: dict[str, dict[str, Player]] = {}
    for act in acts:
        found.setdefault(act.key.partition(":")[0], {})[act.player.name] = act.player
    return {town: list(players.values()) for town, players in found.items()}


def _repeated(report: Report, town: str, player: Player, claims: dict[tuple[str, str, str], list[str]]) -> None:
    """Every message with words answers one event, and an event is not answered twice with the same words."""
    words: dict[str, list[Shown]] = {}
    for shown in player.messages():
        if not shown.content:
            report.orphans += 1
            continue
        if shown.text == BUSY:
            continue
        events = claims.get((town, player.chat_id, shown.id), [])
        if len(events) != 1:
            report.duplicated.append(f"{town} {player.name}: {len(events)} events are answered by {shown}")
        for event in events:
            words.setdefault(event, []).append(shown)
    for event, shown in words.items():
        if len({m.text for m in shown}) != len(shown):
            report.duplicated.append(f"{event} is answered twice: {shown}")


async def _trees(report: Report, acts: list[Act], replies: dict[str, list[dict[str, Any]]]) -> None:
    """The cursor moved once per accepted move, and every page has one job, one place and one author."""
    pages = {r["id"]: r for r in await rows("SELECT id, story_id, parent_id FROM pages")}
    written = {
        r["event_key"]: r["page"]
        for r in await rows("SELECT event_key, (parameters ->> 'page')::bigint AS page FROM jobs")
    }
    moves: Counter[int] = Counter()
    for act in acts:
        found = replies.get(act.key, [])
        page = next((r["page"] for r in found if r["kind"] == "page"), None) or written.get(act.key)
        if page is None:
            continue
        story = pages[page]["story_id"]
        moves[story] += act.kind != "begin"
        # A page that could not be written: the story goes back to the one before.
        moves[story] += any(r["kind"] == "page_failed" for r in found) and pages[page]["parent_id"] is not None
    report.moves = moves.total()
    for story in await rows("SELECT id, revision FROM stories"):
        if moves[story["id"]] != story["revision"]:
            report.forked.append(f"story {story['id']}: {moves[story['id']]} moves, revision {story['revision']}")
    for row in await rows(
        "SELECT story_id, choice_id, variant_index, count(*) AS n FROM pages "
        "GROUP BY story_id, choice_id, variant_index HAVING count(*) > 1"
    ):
        report.forked.append(f"one place in the tree twice: {row}")
    for row in await rows(
        "SELECT p.id, count(j.id) AS n FROM pages p LEFT JOIN jobs j ON (j.parameters ->> 'page')::bigint = p.id "
        "GROUP BY p.id HAVING count(j.id) <> 1"
    ):
        report.forked.append(f"page {row['id']} has {row['n']} jobs")
    for row in await rows(
        "SELECT event_key, count(*) AS n FROM jobs WHERE event_key IS NOT NULL GROUP BY event_key HAVING count(*) > 1"
    ):
        report.forked.append(f"event {row['event_key']} has {row['n']} jobs")
