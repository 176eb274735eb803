"""Cards of other programs become personas, with their lorebook, and come back as they were."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from db import audit, jobs, lorebooks, personas, uploads
from db.connection import row
from db.models import JobRow, OutboxRow
from db.people import Who
from db.personas.importing import ExportPersona, ImportPersona
from db.work import JobParameters
from tests.db.test_memories import ann
from tests.workers.cards.made import V2, V2_DATA, V3, V3_DATA, as_json, packed, png, text, zipped
from tests.workers.making import run_by
from workers.cards.reading import read_card
from workers.cards.writing import card_json
from workers.runner import Runner
from workers.services import Services

__all__ = ["ann"]


async def done(services: Services, who: Who, parameters: JobParameters) -> OutboxRow:
    """What somebody is answered to a job."""
    job_id = await jobs.add(
        parameters,
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key=f"console:card{await JobRow.all().count()}",
        destination={"chat_id": "c"},
    )
    await run_by(Runner(services, 4), job_id)
    found = await OutboxRow.all().order_by("-id").first()
    assert found is not None
    return found


async def handed_in(services: Services, who: Who, data: bytes, name: str = "mira.png") -> OutboxRow:
    upload = await uploads.keep(who.account.id, who.user.id, name, data)
    answer = await done(services, who, ImportPersona(upload=upload))
    assert await row("SELECT FROM uploads") is None
    return answer


async def given_back(services: Services, who: Who, persona: int, form: Any) -> tuple[str, bytes]:
    answer = await done(services, who, ExportPersona(persona=persona, form=form))
    assert answer.kind == "card_written"
    found = await uploads.get(who.account.id, who.user.id, answer.payload["upload"])
    assert found is not None
    return found.name, found.data


async def test_a_card_becomes_a_persona_and_comes_back_as_it_was(services: Services, ann: Who) -> None:
    files = {"assets/emotion/images/joy.png": b"pixels", "x_meta/a.json": b"{}"}
    answer = await handed_in(services, ann, zipped({"card.json": as_json(V3), **files}), "mira.charx")
    assert (answer.kind, answer.payload["entries"]) == ("persona_imported", 1)
    persona = await personas.seen(ann.account.id, ann.user.id, answer.payload["persona"])
    assert (persona.name, persona.verdict, persona.card["greeting"]) == ("Mira", "checked", "You are early.")
    assert not {"source", "lorebook", "files"} & persona.card.keys()
    [book] = await lorebooks.listed(ann.account.id, ann.user.id)
    assert (book.kind, book.about, book.entries) == ("persona", "Mira", 1)
    for form, ending in (("charx", "charx"), ("json", "json"), ("png", "png"), ("v2", "json")):
        name, data = await given_back(services, ann, persona.id, form)
        assert name == f"Mira.{ending}"
        found = read_card(data)
        if form == "v2":
            assert json.loads(data)["spec"] == "chara_card_v2"
        else:
            assert card_json(found.card) == V3
            assert found.files == ({} if form == "json" else files)


async def test_two_cards_that_disagree_are_named_and_the_picture_is_kept(services: Services, ann: Who) -> None:
    older = {**V2, "data": {**V2_DATA, "name": "Mia"}}
    both = png(text("chara", packed(older)), text("ccv3", packed({**V3, "spec_version": "4.0"})))
    answer = await handed_in(services, ann, both)
    assert (answer.payload["conflicts"], answer.payload["newer"]) == (["name"], True)
    _, data = await given_back(services, ann, answer.payload["persona"], "png")
    assert (read_card(data).conflicts, read_card(data).picture[:8]) == ((), b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize(
    ("data", "key", "field"),
    [
        (b"hello", "cards.no_card", ""),
        (as_json({"entries": {}}), "cards.lorebook", ""),
        (as_json({**V3, "data": {**V3_DATA, "description": "x" * 200_000}}), "cards.too_long", "data.description"),
    ],
)
async def test_what_is_no_card_or_too_large_is_said_by_field(
    services: Services, ann: Who, data: bytes, key: str, field: str
) -> None:
    answer = await handed_in(services, ann, data)
    assert (answer.kind, answer.payload["key"], answer.payload["values"]["field"]) == ("notice", key, field)
    assert await row("SELECT FROM personas WHERE account_id IS NOT NULL") is None


async def test_what_may_not_be_kept_is_refused_when_it_is_read(services: Services, ann: Who) -> None:
    for changed in ({"description": "naked sex on the beach"}, {"x_hidden": {"deep": ["naked sex on the beach"]}}):
        answer = await handed_in(services, ann, as_json({**V3, "data": {**V3_DATA, **changed}}))
        assert answer.payload["key"] == "moderation.refused_rating"
    assert await row("SELECT FROM personas WHERE account_id IS NOT NULL") is None


async def workers(database: str, *arguments: str) -> tuple[int | None, str]:
    """What a command of the workers says, and its exit status."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "workers", *arguments, env={**os.environ, "DATABASE_URL": database},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await child.communicate()
    return child.returncode, said.decode()


async def test_what_a_place_gets_by_a_card_stands_in_its_audit_log(services: Services, ann: Who) -> None:
    for visibility in ("owner", "place"):
        upload = await uploads.keep(ann.account.id, ann.user.id, "mira.json", as_json(V2))
        told = await done(services, ann, ImportPersona(upload=upload, visibility=visibility))
    (noted,) = await audit.entries(account_id=ann.account.id)
    assert (noted.action, noted.subject) == ("persona_import", str(told.payload["persona"]))


async def test_the_operator_imports_and_exports_files(
    services: Services, ann: Who, database: str, tmp_path: Path
) -> None:
    owner = f"{ann.identity.platform}:{ann.identity.external_id}"
    (file := tmp_path / "mira.json").write_bytes(as_json(V3))
    assert await workers(database, "import-card", "--for", owner, str(file)) == (
        0, f"“Mira” is handed in for {owner}: a worker judges and keeps it.\n",
    )  # fmt: skip
    await run_by(Runner(services, 4), (await JobRow.get()).id)
    told = await OutboxRow.get()
    assert (told.kind, told.conversation_id) == ("persona_imported", ann.conversation.id)
    back = tmp_path / "back.charx"
    assert (await workers(database, "export-card", str(told.payload["persona"]), str(back)))[0] == 0
    assert card_json(read_card(back.read_bytes()).card) == V3
    file.write_bytes(as_json({**V3, "data": {**V3_DATA, "creator": "x" * 3000}}))
    code, said = await workers(database, "import-card", "--for", "console:nobody", str(file))
    assert (code, said) == (1, f"{file} is refused: too_long data.creator limit 2000\n")
