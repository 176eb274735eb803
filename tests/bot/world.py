"""A router over the real database and Redis, and events as a platform's listener would make them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count

from bot.actions.packing import pack
from bot.compose import Composer
from bot.events import (
    AccountRef,
    ButtonPress,
    Command,
    ConversationRef,
    Destination,
    Event,
    Payload,
    TextMessage,
    UserRef,
)
from bot.messages import Message
from bot.platforms.base import Capabilities
from bot.policy import OPEN, AccessPolicy
from bot.router import Router
from bot.text.cleaning import clean
from bot.topics import Topics
from bot.views.base import ViewServices
from db import outbox, personas, stories
from db.models import PageRow
from db.permissions import Role
from db.stories import Page
from prompts.personas import load_personas
from prompts.registry import default_registry
from tests.topics import product_topics
from workers.queue import Queue

FIELD_BY_FIELD = Capabilities(forms=False, placeholder_delay=None, progress_interval=1.0)
_numbers = count(1)


class Bot:
    """The platform-neutral half of the bot."""

    def __init__(
        self,
        queue: Queue,
        patience_s: float | None = None,
        policy: AccessPolicy = OPEN,
        topics: Topics | None = None,
    ) -> None:
        self.topics = topics or product_topics()
        self.around = ViewServices(
            self.topics.commands, self.topics.forms, default_registry(), queue, policy.operators, policy.appeal
        )
        self.composer = Composer(self.topics.views, self.around)
        capabilities: dict[str, Capabilities] = dict.fromkeys(("console", "telegram", "discord"), FIELD_BY_FIELD)
        # On a loaded machine fifty presses at once may take longer than people are asked to wait.
        patience = 60.0 if patience_s is None else patience_s
        self.router = Router(
            self.topics, self.composer, default_registry(), queue, capabilities, lambda _e, _o: None,
            patience_s=patience, policy=policy,
        )  # fmt: skip

    async def does(
        self,
        payload: Payload,
        *,
        name: str = "ann",
        group: str = "",
        pressed: str = "",
        role: Role | None = None,
        platform: str = "console",
    ) -> Event:
        """Dispatch what a person does in their DM or in a group (as a member); returns the event."""
        event = event_of(payload, name=name, group=group, pressed=pressed, role=role, platform=platform)
        await self.router.dispatch(event)
        return event

    async def answers(self, event: Event) -> list[Message]:
        """The messages that an event was answered with, composed as they would be sent now, commands spelt."""
        parts = await outbox.of_event(event.key)
        composed = [await self.composer.compose(row) for row in parts if row.part != outbox.PLACEHOLDER]
        return [
            replace(m, title=clean(m.title), body=clean(m.body), footer=clean(m.footer))
            for m in composed
            if m is not None
        ]

    async def reply(self, event: Event) -> Message:
        """The answer of an event, whatever else it sent."""
        (row,) = [row for row in await outbox.of_event(event.key) if row.part == outbox.REPLY]
        message = await self.composer.compose(row)
        assert message is not None
        return message

    async def answer(self, event: Event) -> Message:
        """The one answer of an event."""
        (message,) = await self.answers(event)
        return message


@asynccontextmanager
async def running_bot(
    redis_url: str, patience_s: float | None = None, policy: AccessPolicy = OPEN, topics: Topics | None = None
) -> AsyncGenerator[Bot]:
    """A bot over a connected database, its personas installed."""
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    async with Queue(redis_url) as queue:
        yield Bot(queue, patience_s, policy, topics)


def event_of(
    payload: Payload,
    *,
    name: str = "ann",
    group: str = "",
    pressed: str = "",
    role: Role | None = None,
    event_id: str = "",
    platform: str = "console",
) -> Event:
    """An event of a person's DM, or of a group, where they are a member; what is ``pressed`` is genuine."""
    chat, kind = (group, "group") if group else (f"dm-{name}", "dm")
    if pressed and isinstance(payload, ButtonPress):
        payload = payload.model_copy(update={"offered": True})
    return Event(
        platform=platform,
        event_id=event_id or f"e{next(_numbers)}",
        account=AccountRef(kind=kind, external_id=group or name),
        user=UserRef(external_id=name, name=name, role=role or ("member" if group else "owner")),
        conversation=ConversationRef(chat_id=chat, kind=kind),
        destination=Destination(chat_id=chat, user_id=name, kind=kind, pressed_message=pressed),
        payload=payload,
    )


def command(text: str, /, **values: str) -> Command:
    """A command; free text behind ``:``."""
    name, _, rest = text.partition(":")
    return Command(name=name.strip(), rest=rest.strip(), values=values)


def press(verb: str, *args: int | str) -> ButtonPress:
    """A press of a button."""
    return ButtonPress(data=pack(verb, *args))  # type: ignore[arg-type]


def say(text: str, reply_to: str = "") -> TextMessage:
    """Plain text."""
    return TextMessage(text=text, reply_to=reply_to)


async def write(page: Page | PageRow, title: str = "The door", *, ending: bool = False) -> None:
    """Fill a pending page, as a worker does."""
    offered = [] if ending else [("Open the door", "bold"), ("Listen", "careful"), ("Look around", "curious")]
    assert await stories.attach_page(page.id, title=title, text=f"{title}.", ending=ending, choices=offered)
