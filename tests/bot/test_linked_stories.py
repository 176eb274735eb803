"""A story on two platforms, and what becomes of it when they are separated again."""

import pytest

from bot.messages import Message
from db import accounts, chats, jobs, linking, outbox, people, personas, stories
from db.connection import row, rows
from db.models import PageRow
from db.payloads.notice import Notice
from tests.bot.sides import Side, asked, begins, linked, sent
from tests.bot.world import Bot, command, press, say, write


@pytest.fixture
def here(bot: Bot) -> Side:
    return Side(bot, "discord", "ann")


@pytest.fixture
def there(bot: Bot) -> Side:
    return Side(bot, "telegram", "anna")


def labels(message: Message) -> list[str]:
    return [button.label for line in message.buttons for button in line]


async def current(side: Side) -> PageRow:
    """The page on which the newest story is; filled if need be."""
    found = await row("SELECT cursor_id FROM stories ORDER BY updated_at DESC LIMIT 1")
    assert found is not None
    page = await PageRow.get(id=found["cursor_id"])
    if page.state == "pending":
        await write(page, f"page {page.number}")
    return page


async def begun(here: Side, there: Side) -> stories.Page:
    """Two that are one, with a story that was begun on the first platform."""
    page = await begins(here, "a door")
    await here.does(command("story continue"))
    await linked(here, there)
    await sent()
    return page


async def revision() -> int:
    found = await row("SELECT revision FROM stories ORDER BY updated_at DESC LIMIT 1")
    assert found is not None
    return found["revision"]


async def test_a_story_goes_on_at_the_same_page_with_buttons_on_both(here: Side, there: Side):
    page = await begun(here, there)
    shown = await there.told(command("story continue"))
    assert shown.title == "The door"
    assert labels(shown)[:3] == ["1", "2", "3"]
    mark = (await here.received())[-1]
    assert (mark.platform, mark.kind, mark.part[:5], mark.ordered) == ("discord", "page_elsewhere", "mark:", False)
    older = await here.seen()
    assert labels(older) == labels(shown), "both have buttons"
    assert older.footer.endswith("Goes on in Telegram.")
    await sent()
    await there.does(press("choose", page.id, 0, 2), pressed="m1")
    left = await here.seen()
    assert (left.taken, labels(left)) == (2, ["Go to the current page"])
    assert left.footer == "Goes on in Telegram."
    second = await current(there)
    assert second.number == 2


async def test_both_play_alternately(here: Side, there: Side):
    page = await begun(here, there)
    await there.does(command("story continue"))
    for number, side in enumerate((there, here, there, here)):
        await sent()
        await side.does(press("choose", page.id, await revision(), 1), pressed="m1")
        page = await current(side)
        assert page.number == number + 2
        other = here if side is there else there
        await other.told(press("current", page.story_id))
        assert (await other.seen()).title == f"page {page.number}"
    await here.does(command("story continue"))
    await sent()
    await there.does(say("I knock"))
    assert (await here.seen()).footer == "You: I knock · Goes on in Telegram."
    await there.does(command("story back"))
    assert (await there.told(command("story list"))).choices == (await here.told(command("story list"))).choices


async def test_an_answer_goes_where_it_was_asked_for(here: Side, there: Side):
    page = await begun(here, there)
    event = await here.does(press("choose", page.id, 0, 1))
    written = await row("SELECT cursor_id AS page, revision FROM stories")
    assert written is not None
    await there.does(press("back", written["page"], written["revision"]))
    (answer,) = [r for r in await outbox.of_event(event.key) if r.part == outbox.REPLY]
    assert (answer.platform, answer.destination["chat_id"]) == ("discord", "dm-ann"), "given up from the other side"


async def test_a_persona_answers_in_the_name_and_language_of_the_platform(here: Side, there: Side):
    await linked(here, there)
    await rows("UPDATE identities SET language = CASE platform WHEN 'telegram' THEN 'de' ELSE 'fr' END")
    spoken: list[tuple[str, str]] = []
    for side in (here, there):
        await side.does(say("hello"))
        found = await row("SELECT id FROM chat_messages WHERE role = 'persona' ORDER BY id DESC LIMIT 1")
        pending = await chats.pending(found["id"] if found else 0)
        assert pending is not None
        assert pending.user is not None
        spoken.append((pending.user.name, pending.user.language))
    assert spoken == [("ann", "fr"), ("anna", "de")]


async def test_a_person_without_links_costs_no_look_elsewhere(here: Side):
    page = await begins(here, "a door")
    await here.does(command("story continue"))
    await sent()
    event = await here.does(press("choose", page.id, 0, 1))
    assert [r for r in await outbox.of_event(event.key) if r.part.startswith("mark:")] == []


async def test_unlinking_says_what_stays_and_leaves_it_with_the_others(here: Side, there: Side):
    await begun(here, there)
    kept = await here.who()
    await accounts.choose_model(kept.account.id, "big")
    question = await there.told(command("unlink"))
    assert "ann on Discord, anna on Telegram" in question.body
    assert "stay with the others" in question.body
    assert labels(question) == ["Take off ann on Discord", "Take off anna on Telegram", "Keep"]
    assert (await there.told(press("unlink_keep"))).body == "Nothing was changed."
    leaving = (await there.who()).identity.id
    done = await there.told(press("unlink", leaving), pressed="m1")
    assert done.body.startswith("The account on Telegram is separate now")
    assert await here.seen() == done
    new = await there.who()
    assert (await here.who()).account.id == kept.account.id
    assert new.account.id != kept.account.id
    assert new.user.id != kept.user.id
    assert not new.linked
    assert (await accounts.chosen_model(kept.account.id), await accounts.chosen_model(new.account.id)) == ("big", "")
    assert [s.premise for s in await stories.list_owned(kept.account.id, kept.user.id)] == ["a door"]
    assert await stories.list_owned(new.account.id, new.user.id) == []
    assert (await there.told(press("unlink", leaving))).body.startswith("You use me with one account only")


async def test_the_first_identity_can_leave_too(here: Side, there: Side):
    await begun(here, there)
    before = await there.who()
    await there.does(press("unlink", (await here.who()).identity.id))
    after, new = await there.who(), await here.who()
    assert (after.user.id, after.account.id, after.conversation.id) == (
        before.user.id, before.account.id, before.conversation.id,
    )  # fmt: skip
    assert (after.account.platform, after.account.external_id) == ("telegram", "anna")
    assert {new.user.id, new.account.id}.isdisjoint({after.user.id, after.account.id})
    await linked(there, here)
    assert len(await people.identities_of(after.user.id)) == 2, "and come back"


async def test_nothing_old_works_for_whoever_was_taken_off(here: Side, there: Side):
    page = await begun(here, there)
    await there.does(command("story continue"))
    await there.does(command("persona use: mira"))
    who = await there.who()
    exchange = await chats.say(who.conversation, await personas.active(who.conversation), who.user.id, "my secret")
    await chats.attach_reply(exchange.reply.id, "kept")
    await sent()
    shown = (await there.received())[-1]
    await here.does(press("unlink", who.identity.id))
    for payload in (
        press("choose", page.id, 0, 1), press("back", page.id, 0), press("retry", page.id, 0),
        press("current", page.story_id), press("open", page.story_id), press("delete", page.story_id),
        press("picture", page.id),
    ):  # fmt: skip
        assert (await there.told(payload)).body == "That story is not here any more.", payload
    assert "conversation that was reset" in (await there.told(press("variant", exchange.reply.id))).body
    assert "No story is open" in (await there.told(command("story back"))).body
    await there.does(say("and then?", reply_to=shown.message_ids[0]))
    new = await there.who()
    told = await rows(
        "SELECT text FROM chat_messages WHERE conversation_id = $1 AND role = 'user'", new.conversation.id
    )
    assert [t["text"] for t in told] == ["and then?"], "the chat begins anew"
    mine = await rows("SELECT text FROM chat_messages WHERE conversation_id = $1", who.conversation.id)
    assert "my secret" in {m["text"] for m in mine}, "the old one stays with the account"
    await here.does(press("choose", page.id, 0, 1))
    assert (await there.received())[-1].conversation_id == new.conversation.id, "no mark goes there any more"


async def test_what_is_being_written_there_is_cancelled_and_not_sent(here: Side, there: Side):
    page = await begun(here, there)
    event = await there.does(press("choose", page.id, 0, 1))
    who = await there.who()
    await outbox.add(
        "telegram:late", outbox.REPLY, platform="telegram", conversation_id=who.conversation.id,
        payload=Notice(key="x"), destination={"chat_id": "dm-anna", "user_id": "anna", "kind": "dm"},
    )  # fmt: skip
    await here.does(press("unlink", who.identity.id))
    (job,) = await rows("SELECT id, state FROM jobs WHERE event_key = $1", event.key)
    assert job["state"] == "cancelled"
    assert (await jobs.get(job["id"])) is not None
    (answer,) = [r for r in await outbox.of_event(event.key) if r.part == outbox.REPLY]
    assert (answer.kind, answer.payload["key"]) == ("notice", "job.cancelled")
    (late,) = await outbox.of_event("telegram:late")
    assert late.state == "superseded"
    assert (await here.told(command("story continue"))).title == "The door", "the story is back at its page"


async def test_what_was_begun_in_groups_stays_with_the_platform(here: Side, there: Side):
    await begun(here, there)
    for side, group in ((there, "den"), (here, "hall")):
        await side.does(command("story new: for all"), group=group)
    await there.does(press("unlink", (await there.who()).identity.id))
    owners = {
        r["platform"]: r["owner_id"]
        for r in await rows(
            "SELECT a.platform, s.owner_id FROM stories s JOIN accounts a ON a.id = s.account_id WHERE a.kind = 'group'"
        )
    }
    assert owners == {"discord": (await here.who()).user.id, "telegram": (await there.who()).user.id}
    assert await asked() > 0


async def test_a_new_start_is_no_way_around_limits_and_cooldowns(here: Side, there: Side):
    for side, until in ((here, "+1 hour"), (there, "+3 hours")):
        await rows("INSERT INTO quotas (user_id, name, whole_at) VALUES ($1, 'pages', now() + $2::text::interval)",
                   (await side.who()).user.id, until)  # fmt: skip
    await rows("UPDATE users SET cooldown_until = '2100-01-01' WHERE id = $1", (await there.who()).user.id)
    await _joined(here, there)
    spent = "SELECT max(whole_at) > now() + interval '2 hours' AS spent FROM quotas WHERE user_id = $1"
    until = "SELECT cooldown_until IS NOT NULL AS cool FROM users WHERE id = $1"
    for _ in range(2):
        for side in (here, there):
            who = await side.who()
            assert (await row(spent, who.user.id), await row(until, who.user.id)) == ({"spent": True}, {"cool": True})
        if (await here.who()).linked:
            await linking.split((await here.who()).user.id, (await there.who()).identity.id)


async def _joined(here: Side, there: Side) -> None:
    """Linked without the bot, which would serve nobody in a cooldown."""
    number = await linking.offer((await here.who()).user.id, (await here.who()).conversation.id)
    code = await linking.new_code(number)
    assert code is not None
    assert (await linking.enter(code, await there.who())).result == "asked"
    for side in (here, there):
        await linking.confirm(number, (await side.who()).user.id)
