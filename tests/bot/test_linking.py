"""Linking: a code on one platform, entered on the other, and both sides say yes; then the two are one."""

import asyncio
import re

import pytest

from db import accounts, bots, erasure, linking, linking_codes, overrides, people, personas, stories
from db.connection import rows, transaction
from tests.bot.sides import Side, asked, begins, linked, sent
from tests.bot.world import Bot, command, press


@pytest.fixture
def here(bot: Bot) -> Side:
    return Side(bot, "discord", "ann")


@pytest.fixture
def there(bot: Bot) -> Side:
    return Side(bot, "telegram", "anna")


async def test_both_sides_say_yes_and_everything_is_one(here: Side, there: Side):
    await begins(here, "a door")
    await begins(there, "a key")
    mine, other = await here.who(), await there.who()
    for who, model in ((mine, "big"), (other, "small")):
        await accounts.choose_model(who.account.id, model)
        await overrides.put(who.account.id, "story/write_page", model, user_id=who.user.id)
        await rows(
            "INSERT INTO personas (account_id, key, name, card) VALUES ($1, 'bo', 'Bo', '{\"name\": \"Bo\"}')",
            who.account.id,
        )
    await accounts.choose_image_engine(other.account.id, "ink")
    code = await here.code()
    question = await there.told(command(f"link: {code}"))
    assert "**ann on Discord**" in question.body
    assert [b.label for r in question.buttons for b in r] == ["Yes, that is me", "Cancel"]
    assert "**anna on Telegram**" in (await here.seen()).body, "the first side is asked in its own private chat"
    await sent()
    waiting = await there.told(press("link_confirm", await asked()), pressed="m1")
    assert waiting.body.startswith("Noted")
    assert (await there.who()).user.id != (await here.who()).user.id, "one side alone links nobody"
    done = await here.told(press("link_confirm", await asked()), pressed="m2")
    assert done.body.startswith("You are one now: **ann on Discord, anna on Telegram**")
    assert await there.seen() == done
    one, two = await here.who(), await there.who()
    assert (one.user.id, one.account.id) == (two.user.id, two.account.id) == (mine.user.id, mine.account.id)
    assert one.linked
    assert {s.premise for s in await stories.list_owned(one.account.id, one.user.id)} == {"a door", "a key"}
    assert await accounts.chosen_model(one.account.id) == "big"
    assert await accounts.chosen_image_engine(one.account.id) == "ink"
    assert await overrides.get(one.account.id, "story/write_page") == "big"
    assert sorted(p.name for p in await personas.known(one.account.id) if p.account_id) == ["Bo", "Bo (2)"]
    for table, gone in (("accounts", other.account.id), ("users", other.user.id)):
        assert await rows(f"SELECT id FROM {table} WHERE id = $1", gone) == []


async def test_the_code_is_short_random_and_nowhere_stored(here: Side):
    codes = {await here.code() for _ in range(3)}
    assert len(codes) == 3
    assert all(len(code) == 10 == linking_codes.LENGTH and set(code) <= set(linking_codes.ALPHABET) for code in codes)
    stored = await rows("SELECT payload::text FROM outbox UNION ALL SELECT t::text FROM linkings t")
    assert not [code for code in codes for r in stored if code in str(r)]


@pytest.mark.parametrize("spoil", ["used", "replaced", "expired", "cancelled", "wrong", "nonsense"])
async def test_a_code_works_once_for_ten_minutes(here: Side, there: Side, spoil: str):
    code = await here.code()
    match spoil:
        case "used":
            await Side(here.bot, "telegram", "ben").does(command(f"link: {code}"))
        case "replaced":
            await here.code()
        case "expired":
            await rows("UPDATE linkings SET expires_at = now()")
        case "cancelled":
            await there.does(command(f"link: {code}"))
            await here.does(press("link_cancel", await asked()))
        case "wrong":
            code = code[:-1] + ("0" if code[-1] != "0" else "1")
        case _:
            code = "☃" * 10
    answer = await there.told(command(f"link: {code}"))
    assert answer.body.startswith("That is not a code that can be used now."), answer.body
    assert answer.body.endswith("4 more tries.")


async def test_codes_are_read_as_people_write_them(here: Side, there: Side):
    code = await here.code()
    typed = f" {code[:5]}-{code[5:]} ".lower().replace("0", "o").replace("1", "l")
    assert "Is this you" in (await there.told(command("link", code=typed))).body
    assert "Is this you" in (await there.told(command("link", code=typed))).body, "typed again, it asks again"


async def test_five_wrong_codes_are_the_last_of_a_person(here: Side, there: Side):
    for left in (4, 3, 2, 1):
        assert str(left) in (await there.told(command("link: 0000000000"))).body.replace("One", "1")
    assert "too often" in (await there.told(command("link: 0000000000"))).body
    assert "too often" in (await there.told(command(f"link: {await here.code()}"))).body, "not even a right one"
    await rows("UPDATE identities SET wrong_since = now() - interval '11 minutes'")
    assert "Is this you" in (await there.told(command(f"link: {await here.code()}"))).body


async def test_five_wrong_tries_of_a_code_are_its_last(here: Side, there: Side):
    code = await here.code()
    wrong = code[:3] + ("0" * 7 if code[3:] != "0" * 7 else "1" * 7)
    for number in range(5):
        await Side(here.bot, "telegram", f"thief{number}").does(command(f"link: {wrong}"))
    assert "not a code" in (await there.told(command(f"link: {code}"))).body


async def test_only_the_two_can_confirm_and_only_in_private(here: Side, there: Side):
    thief = Side(here.bot, "telegram", "thief")
    await there.does(command(f"link: {await here.code()}"))
    for verb in ("link_confirm", "link_cancel"):
        assert "not valid any more" in (await thief.told(press(verb, await asked()))).body
    assert "private" in (await there.told(press("link_confirm", await asked()), group="den")).body
    assert "private" in (await there.told(command("link"), group="den")).body
    assert "private" in (await there.told(command("unlink"), group="den")).body
    assert (await linking.get(await asked())) is not None
    await there.does(press("link_confirm", await asked()))
    await there.does(press("link_confirm", await asked()))
    assert (await here.who()).user.id != (await there.who()).user.id, "twice the same side is not both"


async def test_late_and_repeated_answers_are_told_so(here: Side, there: Side):
    await there.does(command(f"link: {await here.code()}"))
    await rows("UPDATE linkings SET expires_at = now()")
    assert "not valid any more" in (await there.told(press("link_confirm", await asked()))).body
    await linked(here, there)
    assert (await there.told(press("link_confirm", await asked()))).body == "You are linked already."
    assert (await there.told(press("link_cancel", await asked()))).body == "You are linked already."
    assert (await there.told(press("link_confirm", 10**9))).body.startswith("That code or question")


async def test_a_no_ends_it_on_both_sides(here: Side, there: Side):
    await there.does(command(f"link: {await here.code()}"))
    await sent()
    answer = await there.told(press("link_cancel", await asked()), pressed="m1")
    assert answer.body == (await here.seen()).body == "You were not linked: one side said no."
    rewritten = (await here.received())[-2]
    assert (rewritten.kind, rewritten.part[:5]) == ("link_question", "mark:"), "its question loses its buttons"
    assert "not valid" in (await here.told(press("link_confirm", await asked()))).body


async def test_oneself_and_a_second_account_of_a_platform_are_not_linked(here: Side, there: Side):
    assert (await here.told(command(f"link: {await here.code()}"))).body.startswith("That is your own code")
    await linked(here, there)
    assert (await there.told(command(f"link: {await here.code()}"))).body.startswith("That is your own code")
    second = Side(here.bot, "telegram", "second")
    for giver, taker in ((second, here), (there, second)):
        answer = await taker.told(command(f"link: {await giver.code()}"))
        assert answer.body.startswith("Both of you are on Telegram already"), answer.body
    third = Side(here.bot, "console", "ann")
    await third.does(command(f"link: {await here.code()}"))
    for side in (third, there):
        await side.does(press("link_confirm", await asked()))
    assert len(await people.identities_of((await third.who()).user.id)) == 3, "a third platform is one more"


async def test_what_was_being_said_while_two_became_one_is_not_lost(here: Side, there: Side):
    await there.does(command(f"link: {await here.code()}"))
    await there.does(press("link_confirm", await asked()))
    kept, number = await here.who(), await asked()
    joined, release = asyncio.Event(), asyncio.Event()

    async def join() -> None:
        async with transaction():
            await linking.confirm(number, kept.user.id)
            joined.set()
            await release.wait()

    async with asyncio.TaskGroup() as group, asyncio.timeout(30):
        group.create_task(join())
        await joined.wait()
        group.create_task(there.does(command("story new: a key")))
        while not await rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname IS NOT NULL"):
            await asyncio.sleep(0.02)
        release.set()
    assert [s.premise for s in await stories.list_owned(kept.account.id, kept.user.id)] == ["a key"]


@pytest.mark.parametrize("deletes", ["here", "there"])
async def test_who_deletes_their_data_links_with_nobody_any_more(here: Side, there: Side, deletes: str):
    await begins(here, "a door")
    await begins(there, "a key")
    mine, other = await here.who(), await there.who()
    await there.does(command(f"link: {await here.code()}"))
    leaving, staying = (here, there) if deletes == "here" else (there, here)
    question = await asked()
    await leaving.does(press("link_confirm", question))
    gone = mine if leaving is here else other
    async with transaction():
        await erasure.close_person(gone.user.id)
    told = await staying.told(press("link_confirm", question))
    assert "not valid any more" in told.body
    left = await staying.who()
    assert left.user.id == (other if leaving is here else mine).user.id
    (kept,) = await stories.list_owned(left.account.id, left.user.id)
    assert kept.premise == ("a key" if leaving is here else "a door")


async def test_a_code_of_somebody_who_deletes_their_data_is_void(here: Side, there: Side):
    code = await here.code()
    async with transaction():
        await erasure.close_person((await here.who()).user.id)
    assert "code" in (await there.told(command(f"link: {code}"))).body
    assert not await rows("SELECT id FROM linkings WHERE state = 'asked'")


async def start_link() -> None:
    await rows("INSERT INTO bots (platform, bot) VALUES ('telegram', '1') ON CONFLICT DO NOTHING")
    await bots.note_start_link("telegram", "https://t.me/storyfork_bot?start=")


async def test_the_code_is_a_link_to_telegram_too_and_both_are_still_asked(here: Side, there: Side):
    await start_link()
    shown = await here.told(command("link"))
    code = re.search(r"\*\*([0-9A-Z]{10})\*\*", shown.body)
    assert code is not None, "to be typed as before"
    ((link,),) = shown.buttons
    assert (link.label, link.action) == ("Enter it on Telegram", "")
    payload = link.url.removeprefix("https://t.me/storyfork_bot?start=")
    assert payload == f"link-{code[1]}"
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", payload), "all that Telegram takes behind start="
    question = await there.told(command(f"start: {payload}"))
    assert [b.label for r in question.buttons for b in r] == ["Yes, that is me", "Cancel"]
    assert (await there.who()).user.id != (await here.who()).user.id


async def test_nobody_is_linked_to_where_they_are(here: Side, there: Side):
    assert (await here.told(command("link"))).buttons == (), "nobody knows the bot's address yet"
    await start_link()
    assert (await there.told(command("link"))).buttons == ()
