"""Settings of one channel: what goes before the place's, how many answers are left, what ends with its conversation."""

from dataclasses import replace

from db import accounts, channels, chats, personas
from db.channels import BURST, ChannelSettings
from db.connection import rows, transaction
from db.memory import told
from db.prompts_in_force import in_force
from tests.db.world import somebody


async def test_a_channels_model_and_language_go_before_the_accounts(database: str):
    who = await somebody("ann")
    account, here = who.account.id, who.conversation.id
    await accounts.choose_model(account, "big")
    await channels.save(ChannelSettings(here, model="small", language="de"))
    assert (await in_force(account, "story/write_page", conversation_id=here)).text_model == "small"
    assert (await in_force(account, "story/write_page")).text_model == "big"
    persona = await personas.create(account, who.user.id, {"name": "Mira"})
    exchange = await chats.say(who.conversation, persona, who.user.id, "hello")
    pending = await chats.pending(exchange.reply.id)
    assert pending is not None
    assert pending.language == "de"
    held = await told.of_chat(here, persona.id, who.conversation.epoch, who.user.id)
    assert held.text_model == "small"
    await channels.save(ChannelSettings(here))
    assert (await in_force(account, "story/write_page", conversation_id=here)).text_model == "big"


async def test_another_mode_holds_once_it_was_told(database: str):
    who = await somebody("ann")
    settings = ChannelSettings(who.conversation.id, mode="always")
    await channels.save(settings)
    await channels.note_told(settings.conversation_id, "keywords")
    assert not (await channels.of(settings.conversation_id)).told
    await channels.note_told(settings.conversation_id, "always")
    await channels.save(replace(settings, chance=50))
    assert (await channels.of(settings.conversation_id)).told
    await channels.save(replace(settings, mode="probability"))
    assert not (await channels.of(settings.conversation_id)).told
    await channels.note_told(settings.conversation_id, "probability")
    for chance, holds in ((5, True), (6, False)):
        before, after = (
            await channels.of(settings.conversation_id),
            replace(settings, mode="probability", chance=chance),
        )
        assert after.is_told_by(before) is holds
        await channels.save(after)
        assert (await channels.of(settings.conversation_id)).told is holds


async def test_answers_are_earned_again_and_a_clock_that_is_set_back_takes_none(database: str):
    here = (await somebody("ann")).conversation.id
    assert not await channels.take_turn(here)
    await channels.save(ChannelSettings(here, mode="always"))
    assert not await channels.take_turn(here), "nobody was told"
    await channels.note_told(here, "always")
    assert [await channels.take_turn(here) for _ in range(BURST + 1)] == [True] * BURST + [False]
    await rows("UPDATE channel_settings SET spare_at = spare_at - interval '25 seconds'")
    assert [await channels.take_turn(here) for _ in range(3)] == [True, True, False]
    await rows("UPDATE channel_settings SET spare_at = now() + interval '1 hour'")
    assert await channels.take_turn(here)


async def test_they_are_gone_with_their_conversation(database: str):
    here = (await somebody("ann")).conversation.id
    async with transaction():
        await channels.save(ChannelSettings(here, keywords=("lamp",)))
    await rows("DELETE FROM conversations WHERE id = $1", here)
    assert await rows("SELECT 1 FROM channel_settings") == []
