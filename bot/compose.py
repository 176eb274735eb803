"""From an outbox row to the neutral message a person sees: the view of its kind, and what all kinds share."""

from bot.messages import Button, Message, Progress
from bot.progress import queued
from bot.views import notice
from bot.views.base import ViewContext, ViewRegistry, ViewServices, Words
from bot.views.faces import face_of
from db import speakers
from db.errors import UserError
from db.outbox import OutboxMessage
from db.payloads.notice import Erase, Placeholder
from db.payloads.operators import Leave


class Composer:
    """Composes the messages of all topics."""

    def __init__(self, views: ViewRegistry, around: ViewServices) -> None:
        """``around`` is what views have access to."""
        self._views, self._around = views, around

    @property
    def kinds(self) -> list[str]:
        """The kinds of rows that can be sent; rows of others are left to a newer release."""
        return [*self._views.names, Placeholder.kind, Erase.kind, Leave.kind]

    async def compose(self, row: OutboxMessage) -> Message | None:
        """Return the message of a row, in the person's language; None if its subject is gone.

        Raises `KeyError` for a kind of a newer release and `pydantic.ValidationError` for a payload that does not fit.
        """
        view = self._views.get(row.kind)
        if view is None:
            raise KeyError(f"no view for messages of kind {row.kind!r}")
        context = self._context(
            row.platform, str(row.destination.get("kind", "")), str(row.destination.get("user_id", "")),
            row.language, row.account_id,
        )  # fmt: skip
        try:
            return await view.compose(context, view.payload.model_validate(row.payload))
        except UserError as e:
            return notice.error(context, e)

    async def thread_opened(self, row: OutboxMessage, chat_id: str) -> None:
        """Record the thread that was opened for a row's message."""
        view = self._views.get(row.kind)
        if view is not None and view.thread_opened is not None:
            await view.thread_opened(view.payload.model_validate(row.payload), row.conversation_id, chat_id)

    async def sent(self, row: OutboxMessage) -> None:
        """Tell a row's topic that its message was delivered."""
        view = self._views.get(row.kind)
        if view is not None and view.sent is not None:
            await view.sent(view.payload.model_validate(row.payload))

    async def too_large(self, row: OutboxMessage) -> bool:
        """Let a row's topic send something smaller in its place, where its place takes no such file; False if not."""
        view = self._views.get(row.kind)
        if view is None or view.too_large is None:
            return False
        return await view.too_large(view.payload.model_validate(row.payload), row)

    async def progress(self, row: OutboxMessage) -> Progress:
        """Return what a placeholder shows before any progress is known."""
        placeholder, words = Placeholder.model_validate(row.payload), Words(row.language)
        job = placeholder.job
        found = await self._around.queue.outlook(job)
        note = queued(found.position, found.done_s, row.language) if found.position else words(placeholder.wording)
        # In private chats nobody speaks under a name of their own.
        alone = row.destination.get("kind") == "dm"
        persona = None if alone else await speakers.of_job(row.account_id, job)
        return Progress(
            note,
            position=found.position,
            buttons=self.cancel_buttons(job, row.language),
            speaker="" if persona is None else persona.name,
            face=None if persona is None else face_of(row.account_id, persona.id),
        )

    def cancel_buttons(self, job_id: int, language: str) -> tuple[tuple[Button, ...], ...]:
        """Return the button under a placeholder."""
        return ((self._context("", "", "", language).button("cancel", job_id),),)

    def error(self, e: UserError, language: str) -> Message:
        """Return the private message that explains an error to the person."""
        return notice.error(self._context("", "", "", language), e)

    def _context(self, platform: str, place: str, user_id: str, language: str, account_id: int = 0) -> ViewContext:
        return ViewContext(platform, place, user_id, account_id, Words(language, self._around.appeal), self._around)
