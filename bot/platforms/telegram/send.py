"""Delivery of neutral messages to Telegram, once each.

``sendMessage`` has no idempotency key. So a bare placeholder is sent and its id recorded before anything else; the
content follows by an edit (of its text, or into a file), which can be repeated safely. If a crash or a lost response
occurs between sending and recording, an empty placeholder is left over, never a second reply; it is removed when a
person replies to it. No edit can produce an album or a question with ForceReply: these are sent once at most. If nobody
knows whether one arrived (Telegram lets a bot look up nothing), the question follows as plain text, to which one can
reply as well, and the pictures follow one by one: they may stand twice then, never more often.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from telegram import Bot, ForceReply, User
from telegram.error import BadRequest

from bot.events import Destination
from bot.messages import Message, Progress
from bot.platforms.attempts import INTENT, REFUSED, UNCLEAR, note, parts_of, resume
from bot.platforms.base import Delivery, DeliveryError, Undeliverable, Unshowable
from bot.platforms.telegram.api import TelegramApi, Unanswered, says
from bot.platforms.telegram.keyboards import keyboard
from bot.platforms.telegram.posting import Edited, Poster
from bot.platforms.telegram.queries import ANSWER_LIMIT, Queries
from bot.platforms.telegram.render import TextPart, caption, clean, plain, render, render_progress
from bot.platforms.telegram.units import AlbumUnit, MediaUnit, QuestionUnit, TextUnit, Unit, units_of
from bot.text.splitting import utf16_length

log = logging.getLogger(__name__)

FIELD_PLACEHOLDER_LIMIT: Final = 64  # Bot API, ForceReply.input_field_placeholder
MET: Final = 5000
"""Chats and personas of which it is remembered that they have met, so that the record is not asked again."""
_FRESH_SECONDS: Final = 30.0
_ANSWERED: Final = "query:"
_CONTENT: Final = (
    "non-empty", "too big", "too long", "is empty", "image_process_failed", "photo_invalid", "photo_save_file_invalid",
    "media_", "wrong file", "wrong type", "button_", "reply markup", "keyboard", "entities", "entity", "file_part",
)  # fmt: skip
"""Why a message cannot be shown, wherever it was sent: by Telegram's words."""


class TelegramSender:
    """Delivers messages, and shows progress in their place until then."""

    def __init__(self, bot: Callable[[], Bot], api: TelegramApi, queries: Queries) -> None:
        """``bot`` returns the connected client or raises `RetryLater`."""
        self._poster = Poster(bot, api)
        self._queries = queries
        self._met: dict[tuple[str, str], None] = {}

    @property
    def possible_orphans(self) -> int:
        """How many placeholders may be left over because Telegram did not answer."""
        return self._poster.possible_orphans

    async def deliver(self, delivery: Delivery, message: Message) -> None:
        """See `bot.platforms.base.Platform.deliver`."""
        await resume(delivery)
        message = await self._introduced(delivery, message)
        try:
            if delivery.edit:
                await self._change(delivery, message)
            elif delivery.edits:
                self._settle_query(delivery)
                await self._rewrite(delivery, await units_of(message, direct=delivery.destination.kind == "dm"))
            elif not await self._pop_up(delivery, message):
                await self._send(delivery, await units_of(message, direct=delivery.destination.kind == "dm"))
        except BadRequest as e:
            raise _refusal(e) from e

    async def place(self, delivery: Delivery, progress: Progress) -> None:
        """See `bot.platforms.base.Platform.place`."""
        if delivery.sent or delivery.placeholder:
            return
        self._settle_query(delivery)
        try:
            await self._poster.post(delivery, render_progress(progress), markup=keyboard(progress.buttons))
        except BadRequest as e:
            raise _refusal(e) from e

    async def show_progress(self, destination: Destination, placeholder: str, progress: Progress) -> None:
        """See `bot.platforms.base.Platform.show_progress`. Left out where answers need the room."""
        shown = self._poster.placeholder(destination, placeholder)
        if not placeholder or shown.final or shown.lock.locked():
            return
        unit = TextUnit(render_progress(progress), keyboard(progress.buttons))
        async with shown.lock:
            try:
                await self._poster.edit(destination, placeholder, unit, progress=True)
            except (DeliveryError, BadRequest) as e:
                log.debug("Progress was not shown: %s", e)

    async def retract(self, destination: Destination, message_id: str) -> None:
        """See `bot.platforms.base.Platform.retract`. Messages too old to be deleted are emptied."""
        await self._poster.remove(destination, message_id)

    async def _introduced(self, delivery: Delivery, message: Message) -> Message:
        """Return a message with the picture of who speaks, in a private chat in which they have not spoken before."""
        face, destination = message.face, delivery.destination
        met = (destination.chat_id, message.speaker)
        known = met in self._met and not (delivery.edit or delivery.edits)
        if face is None or destination.kind != "dm" or message.pictures or known:
            return message
        if not await face.is_new():
            self._met[met] = None
            if len(self._met) > MET:
                del self._met[next(iter(self._met))]
            return message
        portrait = await face.portrait()
        return message if portrait is None else replace(message, pictures=(portrait.picture,))

    async def _change(self, delivery: Delivery, message: Message) -> None:
        """Render an existing message again; for a long one, its last part, which had the buttons."""
        self._settle_query(delivery)
        marked = message.taken is not None or delivery.kind == "mark"
        rows = None if marked else keyboard(message.buttons, message.selects)
        unit = TextUnit(render(message)[-1], rows)
        state = await self._poster.edit(delivery.destination, delivery.edit, unit)
        if state == "unfit" and (under := caption(message)) is not None:
            state = await self._poster.edit_caption(delivery.destination, delivery.edit, TextUnit(under, rows))
        if state != "done":
            log.info("Telegram message %s cannot be changed any more", delivery.edit)

    async def _pop_up(self, delivery: Delivery, message: Message) -> bool:
        """Answer with the callback query if it can carry the message; False if a message must be sent."""
        query = _query_of(delivery.destination)
        if not query:
            return False
        if any(sent.startswith(_ANSWERED) for sent in delivery.sent):
            return True
        text = plain(message)
        short = max(len(text), utf16_length(text)) <= ANSWER_LIMIT
        more = message.asks or message.pictures or message.attachments or message.table
        bare = not more and keyboard(message.buttons, message.selects) is None
        fits = message.private and short and bare
        if not fits or delivery.placeholder or delivery.sent or not self._queries.reserve(query):
            self._settle_query(delivery)
            return False
        try:
            await self._queries.tell(query, text)
        except BadRequest as e:
            log.info("A press could not be answered (%s): a message is sent instead", e.message)
            return False
        await delivery.record(f"{_ANSWERED}{query}")
        return True

    async def _send(self, delivery: Delivery, units: list[Unit]) -> None:
        """Send the unsent messages; the placeholder becomes the first one if its kind allows."""
        sent = parts_of(delivery.sent)
        usable = delivery.placeholder if isinstance(units[0], TextUnit | MediaUnit) else ""
        if usable and not sent:
            await delivery.record(usable)
            sent.append(usable)
        units = _with_singles(units, sent)
        wanted = _with_substitute(units, sent)
        replaced = sent[len(wanted) :]
        for number, unit in enumerate(wanted):
            await self._complete(delivery, unit, sent, number, replaced)
        if len(asked := _with_substitute(units, sent)) > len(wanted):
            await self._complete(delivery, asked[-1], sent, len(sent), replaced)
        if delivery.placeholder and not usable:
            await self.retract(delivery.destination, delivery.placeholder)

    async def _complete(
        self, delivery: Delivery, unit: Unit, sent: list[str], number: int, replaced: list[str]
    ) -> None:
        """Bring the message of that number into its final state, sending it if need be; updates ``sent``.

        ``replaced`` are messages sent before in place of others that were gone.
        """
        first = number == 0
        if len(sent) <= number:
            sent.append(await self._post(delivery, unit, first=first))
        if isinstance(unit, TextUnit | MediaUnit):
            while await self._poster.show(delivery, sent[number], unit) != "done":
                sent[number] = replaced.pop() if replaced else await self._post(delivery, unit, first=first)

    async def _rewrite(self, delivery: Delivery, units: list[Unit]) -> None:
        """Update the messages of an earlier row.

        From the first message that cannot be edited into its new state, everything is sent anew, to stay in order. A
        message that a person deleted stays deleted.
        """
        destination = delivery.destination
        before = [one for one in parts_of(delivery.edits) if one and not one.startswith(_ANSWERED)]
        sent, anew = parts_of(delivery.sent), False
        units = _with_singles(units, sent)
        for number, unit in enumerate(units):
            if len(sent) > number:
                if sent[number]:
                    await self._replace(delivery, sent[number], unit)
                continue
            state = "unfit"
            if not anew and number < len(before):
                state = await self._replace(delivery, before[number], unit)
            if state == "unfit":
                anew = True
                sent.append(await self._post(delivery, unit, first=False))
                if isinstance(unit, TextUnit | MediaUnit):
                    await self._poster.show(delivery, sent[number], unit)
            else:
                await delivery.record(before[number])
                sent.append(before[number])
        for old in before:
            if old not in sent:
                await self._poster.remove(destination, old)
        if delivery.placeholder:
            await self.retract(destination, delivery.placeholder)

    async def _replace(self, delivery: Delivery, message_id: str, unit: Unit) -> Edited:
        match unit:
            case TextUnit() | MediaUnit():
                return await self._poster.show(delivery, message_id, unit)
            case AlbumUnit():
                return await self._poster.show_album(delivery, message_id, unit)
            case QuestionUnit():
                return "unfit"

    async def _post(self, delivery: Delivery, unit: Unit, *, first: bool) -> str:
        """Send a unit; a placeholder if an edit can complete it."""
        match unit:
            case TextUnit() | MediaUnit():
                return await self._poster.post(delivery, first=first)
            case AlbumUnit():
                return await self._show_album(delivery, unit, first=first)
            case QuestionUnit():
                return await self._ask(delivery, unit, first=first)

    async def _show_album(self, delivery: Delivery, album: AlbumUnit, *, first: bool) -> str:
        await note(delivery, INTENT)
        try:
            return await self._poster.post_album(delivery, album, first=first)
        except Unanswered:
            log.warning("It is not known whether an album of message %d arrived: its pictures follow", delivery.id)
            await note(delivery, UNCLEAR)
            raise
        except (DeliveryError, BadRequest):
            await note(delivery, REFUSED)
            raise

    async def _ask(self, delivery: Delivery, unit: QuestionUnit, *, first: bool) -> str:
        destination, part = delivery.destination, unit.part
        if destination.kind != "dm" and not destination.reply_to:
            # Selective ForceReply addresses mentioned people, or the author replied to; a button press has neither.
            part = _mentioning(part, destination)
        hint = clean(unit.hint)[:FIELD_PLACEHOLDER_LIMIT] or None
        reply = ForceReply(selective=True, input_field_placeholder=hint)
        await note(delivery, INTENT)
        try:
            return await self._poster.post(delivery, part, markup=reply, first=first)
        except Unanswered:
            log.warning("It is not known whether the question of message %d arrived: it follows as text", delivery.id)
            await note(delivery, UNCLEAR)
            return ""
        except (DeliveryError, BadRequest):
            await note(delivery, REFUSED)
            raise

    def _settle_query(self, delivery: Delivery) -> None:
        """Stop the pressed button's spinner, if still possible."""
        query = _query_of(delivery.destination)
        if query and (self._queries.known(query) or delivery.age < _FRESH_SECONDS):
            self._queries.settle(query)


def _refusal(error: BadRequest) -> Undeliverable:
    return (Unshowable if says(error, *_CONTENT) else Undeliverable)(error.message)


def _with_substitute(units: list[Unit], sent: list[str]) -> list[Unit]:
    """Return the units, and once more as text the question of which nobody knows whether it arrived."""
    unclear = [unit for unit, message_id in zip(units, sent, strict=False) if not message_id]
    return [*units, *(TextUnit(unit.part) for unit in unclear if isinstance(unit, QuestionUnit))]


def _with_singles(units: list[Unit], sent: list[str]) -> list[Unit]:
    """Return the units, and behind each album of which nobody knows whether it arrived its pictures, one by one."""
    found = list[Unit]()
    for unit in units:
        found.append(unit)
        if isinstance(unit, AlbumUnit) and sent[len(found) - 1 : len(found)] == [""]:
            found += unit.items
    return found


def _query_of(destination: Destination) -> str:
    query = destination.handle.get("callback_id")
    return query if isinstance(query, str) else ""


def _mentioning(part: TextPart, destination: Destination) -> TextPart:
    name = destination.handle.get("name")
    if not isinstance(name, str) or not name.strip():
        return part
    return part.addressed_to(User(int(destination.user_id), clean(name).strip(), is_bot=False))
