"""`/data` and `/privacy`: a copy of everything, its deletion after a question, and what is kept."""

import io
import json
import random
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema.validators import validator_for

from bot.actions.packing import pack
from bot.commands.data import PART_BYTES
from bot.events import ButtonPress
from bot.privacy_terms import PrivacyTerms, read_terms
from db import data_choices, erasure, outbox, people, pictures, stories
from db.connection import row, rows, transaction
from db.data_exports import ExportedRows
from db.environment import BadEnvironment
from db.models import DataExportPartRow, JobRow, UserRow
from db.retention import RetentionSettings
from db.usage_limits import UsageLimits
from tests.bot.data_world import deliver, presses, rows_of, unpack, work
from tests.bot.playing import PREMISE, begun
from tests.bot.world import Bot, command, event_of, press, say
from tests.db.test_privacy import tables_with
from tests.db.world import somebody
from tests.workers.living import reports
from workers.exports.personal_data import ArchiveWriter


async def test_an_export_holds_everything_and_is_gone_once_it_is_sent(bot: Bot, redis_url: str):
    await begun(bot)
    await bot.does(command("persona use: Vex"))
    await bot.does(say("hello, it is me"))
    ann = await somebody("ann")
    picture = await pictures.attach(ann.account.id, ann.user.id, ann.conversation.id, b"\x89PNG face")
    await deliver(bot)
    await bot.does(command("data export"))
    await work(redis_url, "export_data")
    answer, *parts = await deliver(bot)
    assert "as an archive" in answer.body
    assert answer.private
    assert all(part.private for part in parts)
    files = await unpack(parts)
    assert {"README.txt", "schema.json"} < files.keys()
    schema = json.loads(files["schema.json"])
    valid = validator_for(schema)
    valid.check_schema(schema)
    for name, content in files.items():
        if name.endswith(".json") and name != "schema.json":
            valid(schema).validate(json.loads(content))
    (story,) = rows_of(files, "data/stories")
    assert story["premise"] == PREMISE
    assert "hello, it is me" in [message["text"] for message in rows_of(files, "data/chat_messages")]
    (file,) = rows_of(files, "data/picture_files")
    assert (file["picture_id"], files[file["data"]]) == (picture, b"\x89PNG face")
    assert await DataExportPartRow.all().count() == 0, "delivered, and deleted"


async def test_an_export_holds_a_persons_own_words_in_places_and_nobody_elses(bot: Bot, redis_url: str):
    _, first = await begun(bot, mode="open", name="ben", group="club")
    await bot.does(press("own", first.id, 0), group="club")
    await bot.does(say("I hide under the stairs"), group="club")
    await bot.does(command("story new: a tale of my own"), group="club")
    await bot.does(say("hello"))  # so that there is a private chat
    told = await bot.answer(await bot.does(command("data export"), group="club"))
    assert "private chat" in told.body
    job = await work(redis_url, "export_data")
    assert job.destination is not None
    assert job.destination["chat_id"] == "dm-ann"
    files = await unpack(await deliver(bot))
    assert [c["text"] for c in rows_of(files, "places/choices")] == ["I hide under the stairs"]
    assert [s["premise"] for s in rows_of(files, "places/stories")] == ["a tale of my own"]
    assert PREMISE.encode() not in b"".join(files.values())
    assert b"lease_token" not in b"".join(files[name] for name in files if name != "schema.json")


async def test_an_archive_comes_in_parts_that_the_platform_takes(bot: Bot, redis_url: str):
    ann = (await bot.does(say("hello")), await somebody("ann"))[1]
    noise = random.Random(1).randbytes(300_000)  # what no compression makes smaller
    for _ in range(4):
        await pictures.attach(ann.account.id, ann.user.id, ann.conversation.id, noise)
    await deliver(bot)
    bot.router._capabilities["console"] = bot.router._capabilities["console"].__class__(  # type: ignore[attr-defined]
        forms=False, placeholder_delay=None, progress_interval=1.0, file_bytes=400_000
    )
    await bot.does(command("data export"))
    await work(redis_url, "export_data")
    answer, *parts = await deliver(bot)
    assert len(parts) >= 4
    assert f"in {len(parts)} archives" in answer.body
    sizes = [len((await part.attachments[0].load()).data) for part in parts]
    assert max(sizes) <= 400_000
    files = await unpack(parts)
    assert [files[f["data"]] for f in rows_of(files, "data/picture_files")] == [noise] * 4


async def test_what_protects_a_code_is_in_no_archive(bot: Bot, redis_url: str):
    await bot.does(command("link"))
    await deliver(bot)  # the code is made now
    await bot.does(command("data export"))
    assert (await work(redis_url, "export_data")).state == "done"
    files = await unpack(await deliver(bot))
    (linking,) = rows_of(files, "data/linkings")
    assert not {"salt", "code_hash"} & linking.keys()
    assert not [name for name in files if name.startswith("files/")]


def test_several_files_of_one_row_have_names_of_their_own():
    writer = ArchiveWriter(1_000_000)
    writer.add_rows(ExportedRows("music.songs", [{"id": 1, "voice": b"a", "tune": b"b"}], elsewhere=False))
    writer.close()
    with zipfile.ZipFile(io.BytesIO(writer.finished[0])) as archive:
        (row,) = json.loads(archive.read("data/music.songs-0001.json"))["rows"]
        assert [archive.read(row[name]) for name in ("voice", "tune")] == [b"a", b"b"]


@pytest.mark.parametrize(("said", "limit"), [(None, 10_000_000), (26_000_000, 26_000_000), (10**9, PART_BYTES)])
async def test_parts_are_as_large_as_their_place_takes(bot: Bot, said: int | None, limit: int):
    event = event_of(command("data export")).model_copy(update={"file_bytes": said})
    await bot.router.dispatch(event)
    assert (await JobRow.get(type="export_data")).parameters["limit"] == limit


async def test_parts_that_are_too_large_after_all_are_written_anew(bot: Bot, redis_url: str):
    """The way that took large files is closed when they are sent: nothing is lost, and nothing comes twice."""
    ann = (await bot.does(say("hello")), await somebody("ann"))[1]
    noise = random.Random(1).randbytes(7_000_000)
    for _ in range(2):
        await pictures.attach(ann.account.id, ann.user.id, ann.conversation.id, noise)
    await deliver(bot)
    event = event_of(command("data export")).model_copy(update={"file_bytes": 50_000_000})
    await bot.router.dispatch(event)
    await work(redis_url, "export_data")
    ready, part = [r for r in await outbox.of_event(event.key) if r.part != outbox.PLACEHOLDER]
    assert (ready.kind, part.kind) == ("export_ready", "export_part")
    assert await bot.composer.too_large(part)
    assert await bot.composer.compose(part) is None, "the old parts are gone"
    job = await JobRow.filter(type="export_data").order_by("-id").first()
    assert job is not None
    assert (job.parameters["limit"], job.destination, job.event_key) == (10_000_000, part.destination, event.key)
    await work(redis_url, "export_data")
    _, *parts = await deliver(bot)
    assert len([p for p in parts if p.attachments]) == 2
    files = await unpack([p for p in parts if p.attachments])
    assert [files[f["data"]] for f in rows_of(files, "data/picture_files")] == [noise] * 2
    small = [r for r in await outbox.of_event(event.key) if r.kind == "export_part"][-1]
    assert not await bot.composer.too_large(small), "what is small, or gone, is not written again"


async def test_one_export_a_day(bot: Bot):
    bot.router._limits = UsageLimits(exports=1)  # type: ignore[attr-defined]
    for expected in (1, 1):
        event = (await bot.does(command("data export"))).model_copy(update={"platform": "telegram"})
        await bot.router.dispatch(event)
        assert await JobRow.filter(type="export_data", event_key__startswith="telegram").count() == expected
    assert "You can ask again" in (await bot.answer(event)).body


async def test_those_who_manage_a_place_get_and_delete_its_data(bot: Bot, redis_url: str):
    story, _ = await begun(bot, mode="open", name="ben", group="club")
    await bot.does(say("hello"))
    refused = await bot.answer(await bot.does(command("data export", what="place"), group="club"))
    assert "(removed)" not in refused.body
    assert await JobRow.filter(type="export_data").count() == 0
    await bot.does(command("data export", what="place"), group="club", role="admin")
    await work(redis_url, "export_data")
    files = await unpack(await deliver(bot))
    assert [s["premise"] for s in rows_of(files, "data/stories")] == [PREMISE]
    asked = await bot.answer(await bot.does(command("data delete", what="place"), group="club", role="admin"))
    assert "one story" in asked.body
    await presses(bot, asked, "Delete it all", group="club")
    assert await stories.get(story.account_id, story.id) is not None, "a member cannot"
    await presses(bot, asked, "Delete it all", group="club", role="admin")
    await deliver(bot)
    await work(redis_url, "erase_data")
    assert await stories.get(story.account_id, story.id) is None
    assert await tables_with(PREMISE) == set()


async def test_a_person_is_asked_told_and_then_unknown(bot: Bot, redis_url: str):
    await begun(bot)
    _, first = await begun(bot, mode="open", name="ben", group="club")
    await bot.does(press("own", first.id, 0), group="club")
    await bot.does(say("I hide under the stairs"), group="club")
    await deliver(bot)
    before = await UserRow.get(name="ann")
    asked = await bot.answer(await bot.does(command("data delete")))
    for part in ("one story with all pages", "one text of yours", "one page in groups", "backups, for up to 30 days"):
        assert part in asked.body
    assert "Nothing was deleted" in (await bot.answer(await presses(bot, asked, "Delete nothing"))).body
    assert "Only the person" in (await bot.answer(await presses(bot, asked, "Delete it all", name="ben"))).body
    late = ButtonPress(data=pack("wipe", before.id, int(time.time()) - 1000))
    assert "too old" in (await bot.answer(await bot.does(late))).body
    pressed = await presses(bot, asked, "Delete it all")
    assert "being deleted" in (await bot.answer(pressed)).body
    fresh = await bot.answer(await bot.does(command("story list")))
    assert "no stories" in fresh.body, "whoever writes now is somebody new"
    await deliver(bot)
    assert (await work(redis_url, "erase_data")).state == "done"
    assert await people.user(before.id) is None
    assert await tables_with("under the stairs") == set()
    (job,) = await JobRow.filter(type="erase_data")
    assert job.parameters == {}
    assert (await people.user((await UserRow.get(name="ann")).id)) is not None


async def test_where_everybody_reads_it_is_asked_in_private(bot: Bot, redis_url: str):
    told = await bot.answer(await bot.does(command("data delete"), group="club"))
    assert "write to me in private" in told.body
    await bot.does(say("hello"))
    await deliver(bot)
    event = await bot.does(command("data delete"), group="club")
    asked, here = await outbox.of_event(event.key)
    assert (asked.destination["chat_id"], here.payload["key"]) == ("dm-ann", "data.in_private")
    await deliver(bot)
    message = await bot.composer.compose(asked)
    assert message is not None
    pressed = await presses(bot, message, "Delete it all", pressed=f"m{asked.id}")
    assert "being deleted" in (await bot.answer(pressed)).body
    await deliver(bot)
    assert (await work(redis_url, "erase_data")).state == "done"


async def test_the_choices_of_a_person_hold(bot: Bot):
    shown = await bot.answer(await bot.does(command("data settings")))
    assert "may be used" in shown.body
    ann = await somebody("ann")
    assert await data_choices.may_learn(ann.user.id)
    shown = await bot.answer(await presses(bot, shown, "Don't learn from me"))
    shown = await bot.answer(await presses(bot, shown, "30 days"))
    assert "deleted 30 days after" in shown.body
    assert not await data_choices.may_learn(ann.user.id)
    assert not await data_choices.may_learn(None)
    specs = {spec.name: spec for spec in bot.topics.preferences}
    assert {"learning", "archive", "keep_days"} <= specs.keys()


async def test_without_an_archive_a_reset_deletes(bot: Bot):
    await bot.does(command("persona use: Vex"))
    await bot.does(say("my secret"))
    await rows("UPDATE chat_messages SET state = 'ready'")
    await bot.does(command("chat reset"))
    assert await tables_with("my secret") != set(), "kept as an archive, no longer used"
    await presses(bot, await bot.answer(await bot.does(command("data settings"))), "Keep no archive")
    assert await tables_with("my secret") == set()
    await bot.does(say("my other secret"))
    await rows("UPDATE chat_messages SET state = 'ready'")
    await bot.does(command("chat reset"))
    assert await tables_with("my other secret") == set()


async def test_what_is_kept_for_a_shorter_time_expires(bot: Bot):
    story, _ = await begun(bot)
    await begun(bot, name="ben")
    await bot.does(command("persona use: Vex"))
    await bot.does(say("old words"))
    ann = await somebody("ann")
    club = await somebody("ann", chat="club", kind="group")
    persona = (await rows("SELECT * FROM personas LIMIT 1"))[0]["id"]
    await rows(
        "INSERT INTO chat_messages (conversation_id, persona_id, user_id, role, text) VALUES ($1, $2, $3, 'user', 'x')",
        club.conversation.id, persona, ann.user.id,
    )  # fmt: skip
    await pictures.attach(ann.account.id, ann.user.id, ann.conversation.id, b"face")
    await rows("UPDATE stories SET updated_at = now() - interval '31 days'")
    await rows("UPDATE chat_messages SET created_at = now() - interval '31 days'")
    await rows("UPDATE pictures SET created_at = now() - interval '31 days'")
    assert await data_choices.expire() == []
    await data_choices.set_keep_days(ann.user.id, 30)
    assert len(await data_choices.expire()) == 1, "the page that was to be written"
    assert await stories.get(story.account_id, story.id) is None
    assert await row("SELECT id FROM pictures") is None
    assert await rows("SELECT text FROM chat_messages") == [{"text": ""}]
    assert len(await rows("SELECT id FROM stories")) == 1, "ben's"


async def test_privacy_says_what_holds_here(bot: Bot, redis_url: str):
    asked = command("privacy")
    body = (await bot.answer(await bot.does(asked))).body
    for part in ("requests after 30 days", "for up to 30 days", "/data export", "no worker is up"):
        assert part in body
    for part in ("as one of those who manage it, for 365 days", "was refused, for 180 days", "30 days after its end"):
        assert part in body, "what is noted without texts is named, too"
    terms = PrivacyTerms(days={**bot.around.terms.days, "public.jobs": 14, "public.audit": 20})
    bot.composer._around = replace(bot.around, terms=terms)
    changed = (await bot.answer(await bot.does(asked))).body
    assert "requests after 14 days" in changed
    assert "for 20 days" in changed
    await reports(bot.around.queue, "a:1", {"engine": "llama", "model": "m"})
    assert "own machines" in (await bot.answer(await bot.does(asked))).body
    judged = {"engines": [{"engine": "llama"}], "classifiers": [{"server": "https://judge.example/v1"}]}
    await bot.around.queue.put_figures("a:1", judged)
    assert "to be answered: https://judge.example/v1" in (await bot.answer(await bot.does(asked))).body
    await reports(bot.around.queue, "a:1", {"engine": "remote", "servers": [{"name": "api.example.org"}]})
    assert "sent to these services to be answered: api.example.org" in (await bot.answer(await bot.does(asked))).body


async def test_the_operator_has_words_of_their_own(bot: Bot, tmp_path: Path):
    file = tmp_path / "privacy.txt"
    file.write_text("We keep it short.\n", encoding="utf-8")
    terms = read_terms(file, 7, RetentionSettings(storyfork_retention={"jobs": 14}))
    assert (terms.text, terms.backup_days, terms.days["public.jobs"]) == ("We keep it short.", 7, 14)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadEnvironment, match="STORYFORK_PRIVACY_FILE"):
        read_terms(file, 7, RetentionSettings())
    with pytest.raises(BadEnvironment, match="STORYFORK_PRIVACY_FILE"):
        read_terms(tmp_path / "none", 7, RetentionSettings())


async def test_a_removed_page_and_action_are_shown_as_such(bot: Bot):
    _, first = await begun(bot, mode="open", name="ben", group="club")
    await bot.does(press("own", first.id, 0), group="club")
    own = await bot.does(say("I hide under the stairs"), group="club", name="ann")
    del own
    page = await row("SELECT id, story_id FROM pages WHERE state = 'pending'")
    assert page is not None
    await stories.attach_page(
        page["id"], title="", text="I hide under the stairs.", ending=False, choices=[("Go", "bold")]
    )
    ann = await somebody("ann", chat="club", kind="group")
    async with transaction():
        closed = await erasure.close_person(ann.user.id)
    await erasure.erase_in_places(closed.parameters, [])
    await erasure.erase_person(ann.user.id, [])
    shown = await bot.answer(await bot.does(press("current", page["story_id"]), name="ben", group="club"))
    assert "which were removed" in shown.body
    left = await bot.does(press("back", page["id"], 1), name="ben", group="club", pressed="m1")
    assert any("which were removed" in m.body for m in await bot.answers(left))
    assert await outbox.of_event(left.key) != []


async def test_deleting_a_place_speaks_of_the_place(bot: Bot):
    asked = await bot.answer(await bot.does(command("data delete: place"), group="club", role="admin"))
    assert "nothing is stored of this place but its settings and rules" in asked.body
    assert "*/data export place* gives you a copy first" in asked.body


async def test_who_exports_a_place_writes_in_private_once_and_asks_again_there(bot: Bot):
    """In their own chat they could not name the place."""
    told = await bot.answer(await bot.does(command("data export: place"), group="club", role="admin"))
    assert "then ask again here" in told.body
