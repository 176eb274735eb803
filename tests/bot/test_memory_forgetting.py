"""`/memory forget`: what there is about a word is told, and it goes once the person who asked has confirmed that."""

from db.connection import rows
from db.memory import facts, indexing, pins, short_forms
from db.memory.short_forms import ShortForm
from tests.bot.test_memory_command import actions, ann_in, chat_of, learnt, minute, pressed, shows, wording
from tests.bot.world import Bot, command, press
from tests.db.world import somebody


async def test_forgetting_a_word_says_what_it_found_and_asks(bot: Bot):
    who = await ann_in()
    await learnt(who, "I have a dog called Rufus.")
    await learnt(who, "I live in Lyon.")
    memory = await chat_of(who)
    await pins.pin(memory.id, who.user.id, "checked", text="Mind the dog.")
    await short_forms.put(memory.id, ShortForm("key", "sheet", "She has a dog.", "1"))
    await indexing.index_chat(who.account.id, who.conversation.id, memory.persona_id or 0, memory.epoch or 0)
    assert "Rufus" in str((await shows(bot, "memory search", text="Which dog")).body)
    asked = await shows(bot, "memory forget", what="dog")
    assert "About “dog” there is:\n· 1 fact\n· 1 pin\n· 1 short form" in asked.body
    assert "\n· 2 passages of what was said" in asked.body
    assert len(await facts.holding(memory.id)) == 2, "nothing yet"
    (confirm,) = actions(asked)["mem_forget"]
    assert (await pressed(bot, confirm)).body.startswith("It is forgotten.")
    assert [f.text for f in await facts.holding(memory.id)] == ["I live in Lyon."]
    assert await pins.pins(memory.id) == []
    assert (await pressed(bot, confirm)).body == wording("memory.request_over")
    found = await shows(bot, "memory search", text="Which dog, Rufus")
    assert found.body == wording("memory.nothing_found")
    await indexing.index_chat(who.account.id, who.conversation.id, memory.persona_id or 0, memory.epoch or 0)
    assert (await shows(bot, "memory search", text="Which dog, Rufus")).body == found.body


async def test_keeping_forgets_nothing(bot: Bot):
    await learnt(await ann_in(), "I have a dog.")
    asked = await shows(bot, "memory forget", what="dog")
    (keep,) = actions(asked)["mem_keep"]
    assert (await pressed(bot, keep)).body.startswith("Everything stays as it is.")
    assert len(await facts.holding((await chat_of(await ann_in())).id)) == 1
    assert await rows("SELECT FROM forget_requests") == []


async def test_a_request_is_confirmed_by_who_asked_it_only(bot: Bot):
    await learnt(await ann_in("den"), "Ann has a dog.")
    asked = await bot.answer(await bot.does(command("memory forget", what="dog"), group="den", role="moderator"))
    request = (await rows("SELECT id FROM forget_requests"))[0]["id"]
    assert actions(asked)["mem_forget"]
    ben = (await somebody("ben", chat="den", kind="group")).user.id
    forged = press("mem_forget", ben, minute(), request)
    answer = await bot.answer(await bot.does(forged, name="ben", group="den", role="owner"))
    assert answer.body == wording("memory.request_over")
    # Who asked has lost the right meanwhile.
    ann = (await ann_in("den")).user.id
    late = await bot.answer(await bot.does(press("mem_forget", ann, minute(), request), group="den"))
    assert "You may not" in late.body
    await rows("UPDATE forget_requests SET created_at = now() - interval '2 days'")
    over = await bot.answer(await bot.does(press("mem_forget", ann, minute(), request), group="den", role="owner"))
    assert over.body == wording("memory.request_over")
    assert len(await facts.holding((await chat_of(await ann_in("den"))).id)) == 1


async def test_an_old_menu_forgets_nothing(bot: Bot):
    fact = await learnt(await ann_in(), "I have a dog.")
    memory, ann = await chat_of(await ann_in()), (await ann_in()).user.id
    shown = await bot.answer(await bot.does(press("mem_drop", ann, minute() - 60, memory.id, "fact", fact)))
    assert "I have a dog." in shown.body
    assert len(await facts.holding(memory.id)) == 1
