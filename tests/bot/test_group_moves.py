"""A Telegram group becomes a supergroup while its story is being played: everything goes on under the new id."""

from bot.events import Destination
from db import outbox, people, stories
from db.connection import row, rows, transaction
from db.payloads.story import PageReady
from tests.bot.fleet import fleet
from tests.bot.world import write
from tests.journeys.people import TelegramTown


async def test_the_story_of_a_group_goes_on_in_the_supergroup(database: str, redis_url: str):
    town = TelegramTown()
    async with fleet(database, redis_url, town) as service:
        process = await service.start()
        await service.led_by(process)
        server = town.server
        ann = server.person("Ann")
        group = server.group("Readers", [ann], privacy=False)
        # What was stored while the group had its first id: a running story, whose page is about to be sent there.
        who = await people.resolve(
            "telegram", account=("group", "-77", "Readers"), user=(str(ann.id), "Ann", "en"),
            conversation=("-77", "", "group"),
        )  # fmt: skip
        server.upgrade(-77, group)
        async with transaction():
            move = await stories.create(
                account_id=who.account.id, owner_id=who.user.id, conversation_id=who.conversation.id, premise="a door",
                seed=1,
            )  # fmt: skip
        await write(move.page)
        await outbox.add(
            "telegram:begun", outbox.REPLY, platform="telegram", conversation_id=who.conversation.id,
            payload=PageReady(page=move.page.id),
            destination=Destination(chat_id="-77", user_id=str(ann.id), kind="group", reply_to="5").model_dump(),
        )  # fmt: skip
        page = await ann.wait_for_message(group, lambda m: "1" in m.labels, timeout=30)
        moved = await row("SELECT external_id FROM accounts WHERE id = $1", who.account.id)
        assert moved == {"external_id": str(group.id)}
        chats = await rows("SELECT id, chat_id FROM conversations WHERE account_id = $1", who.account.id)
        assert chats == [{"id": who.conversation.id, "chat_id": str(group.id)}]
        await ann.tap(page, "1")
        await ann.wait_until(page, lambda m: "1" not in m.labels)
        story = await stories.get(who.account.id, move.story.id)
        assert story is not None
        assert story.revision == 1, "the press in the supergroup goes on with the story"
