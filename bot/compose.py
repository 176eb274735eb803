"""From an outbox row to the neutral message a person sees, made from the database at the moment of sending."""

from collections.abc import Awaitable, Callable
from typing import Any

from bot import locales, status
from bot.buttons import Action, unpack
from bot.commands.registry import CommandRegistry, CommandSpec
from bot.forms import form_of
from bot.messages import Button, Message, Progress
from bot.pictures import file_message, picture_message, prompt_message
from db import accounts, chats, jobs, outbox, overrides, personas, pictures, stories
from db.models import OutboxRow
from db.pictures import Picture
from db.stories import Choice, Page, Story
from prompts.errors import PromptNotFound
from prompts.registry import PromptRegistry
from workers.queue import Queue

LISTED = 10
"""Stories of a list that get a button."""


class Composer:
    """Composes messages of every kind; ``compose`` returns None when the subject is gone."""

    def __init__(
        self,
        registry: CommandRegistry,
        prompts: PromptRegistry,
        queue: Queue,
        operators: frozenset[str] = frozenset(),
    ) -> None:
        """All are only read. ``operators`` are who runs the service, as ``platform:user id``."""
        self._registry, self._prompts, self._queue, self._operators = registry, prompts, queue, operators
        self._kinds: dict[str, Callable[[OutboxRow, _Words], Awaitable[Message | None]]] = {
            "page": self._page,
            "mark": self._mark,
            "notice": self._notice,
            "page_failed": self._page_failed,
            "chat_reply": self._chat_reply,
            "question": self._question,
            "stories": self._stories,
            "delete": self._delete,
            "personas": self._personas,
            "greeting": self._greeting,
            "prompt": self._prompt,
            "model": self._model,
            "status": self._status,
            "help": self._help,
            "picture": self._picture,
            "picture_prompt": self._picture_prompt,
            "picture_file": self._picture_file,
        }

    async def compose(self, row: OutboxRow) -> Message | None:
        """Return the message of a row. Raises `KeyError` for a kind of a newer release."""
        return await self._kinds[row.kind](row, await _words(row))

    async def progress(self, row: OutboxRow) -> Progress:
        """Return what a placeholder shows before anything is known."""
        words = await _words(row)
        position = await self._queue.position(int(row.payload["job"]))
        note = words("job.queued", position=position) if position else words("job.working")
        return Progress(note, position=position, buttons=self.cancel_buttons(int(row.payload["job"]), words.language))

    def cancel_buttons(self, job_id: int, language: str) -> tuple[tuple[Button, ...], ...]:
        """Return the button under a placeholder."""
        label = locales.text("button.cancel", language=language)
        return ((Button(label, Action("cancel", (job_id,)).pack(), word="cancel"),),)

    def notice(self, key: str, values: dict[str, Any], language: str, *, story: int | None = None) -> Message:
        """Return a private wording, with the way to a story's current page."""
        words = _Words(language)
        buttons = () if story is None else ((_button(words, "current", "current", story, style="primary"),),)
        return Message(words(key, **values), private=True, buttons=buttons)

    async def _page(self, row: OutboxRow, words: "_Words") -> Message:
        found = await stories.page(int(row.payload["page"]))
        if found is None:
            # Deleted since: where the platform shows that an answer is coming, one must come.
            return Message(words("story.unknown"))
        story, page, choices = found
        opens = page.parent_id is None and page.variant_index == 0 and row.destination.get("kind") == "group"
        here = story.cursor_id == page.id
        buttons = _page_buttons(words, story, page, choices) if here else _moved_buttons(words, story)
        footer = words("story.page", number=page.number, title=story.title or words("story.title_unknown"))
        if not here:
            footer = words("story.moved_footer")
        elif page.ending:
            footer = words("story.the_end")
        return Message(
            page.text,
            title=page.title,
            choices=_offered(choices),
            footer=footer,
            buttons=buttons,
            thread=(story.title or page.title)[:90] if opens else "",
        )

    async def _mark(self, row: OutboxRow, words: "_Words") -> Message | None:
        found = await stories.page(int(row.payload["page"]))
        if found is None:
            return None
        _, page, choices = found
        if page.state != "ready":
            return None  # it has no text that could stand in the message
        taken = next((c for c in choices if c.id == row.payload["choice"]), None)
        own = taken is not None and taken.kind == "own"
        return Message(
            page.text,
            title=page.title,
            choices=_offered(choices),
            taken=None if taken is None or own else taken.position,
            footer=words("story.you_chose", text=taken.text) if taken is not None and own else "",
        )

    async def _notice(self, row: OutboxRow, words: "_Words") -> Message:
        p = row.payload
        message = self.notice(p["key"], p["values"], words.language, story=p.get("story"))
        return message if p.get("private") else Message(message.body, buttons=message.buttons)

    async def _page_failed(self, row: OutboxRow, words: "_Words") -> Message:
        values = row.payload["values"]
        reason = words(row.payload["key"], **values)
        found = None if (story := values.get("story")) is None else await stories.current(int(story))
        if found is None:
            return Message(words("job.failed", reason=reason))
        story, page, choices = found
        first = page.parent_id is None and page.state == "failed"
        wording = "story.failed_first" if first else "story.failed"
        return Message(
            words(wording, reason=reason),
            choices=_offered(choices),
            buttons=_moved_buttons(words, story)
            if page.state == "pending"
            else _page_buttons(words, story, page, choices),
        )

    async def _chat_reply(self, row: OutboxRow, words: "_Words") -> Message | None:
        found = await chats.get(int(row.payload["message"]))
        if found is None:
            return None
        message, persona, _ = found
        again = Button(words("button.again"), Action("variant", (message.id,)).pack(), word="again")
        footer = words("chat.stopped") if row.payload.get("stopped") else ""
        return Message(message.text, speaker=persona.name, footer=footer, buttons=((again,),))

    async def _question(self, row: OutboxRow, words: "_Words") -> Message | None:
        given = frozenset(row.payload["given"])
        form = form_of(unpack(row.payload["form"]), self._registry, given, words.language)
        if form is None:
            return None
        field = form.fields[0]
        return Message(field.label, title=form.title, footer=words("form.cancel_hint"), asks=field)

    async def _stories(self, row: OutboxRow, words: "_Words") -> Message:
        found = await stories.list_owned(int(row.payload["account"]), int(row.payload["user"]), limit=LISTED + 1)
        if not found:
            return Message(words("story.list_empty"), private=True)
        shown = found[:LISTED]
        numbers = await stories.page_numbers([s.id for s in shown])
        lines = [
            words("story.list_line", title=s.title or words("story.title_unknown"), number=numbers.get(s.id, 1))
            for s in shown
        ]
        return Message(
            "",
            title=words("story.list_title"),
            choices=tuple(lines),
            footer=words("story.list_more", count=LISTED) if len(found) > LISTED else "",
            buttons=_rows([Button(str(n), Action("open", (s.id,)).pack(), str(n)) for n, s in enumerate(shown, 1)]),
            private=True,
        )

    async def _delete(self, row: OutboxRow, words: "_Words") -> Message | None:
        found = await stories.summary(await outbox.account_of(row.id), int(row.payload["story"]))
        if found is None:
            return None
        story = found.story
        return Message(
            words("story.delete_ask", title=story.title or words("story.title_unknown"), pages=found.pages),
            buttons=(
                (
                    _button(words, "delete", "delete", story.id, style="danger"),
                    _button(words, "keep", "keep", story.id),
                ),
            ),
            private=True,
        )

    async def _personas(self, row: OutboxRow, words: "_Words") -> Message:
        found = await personas.known(int(row.payload["account"]))
        if not found:
            return Message(words("persona.none"), private=True)
        lines = [words("persona.list_line", name=p.name, tagline=p.card.get("tagline", "")) for p in found]
        buttons = [Button(p.name, Action("persona", (p.id,)).pack(), p.name.lower()) for p in found[:20]]
        return Message(
            "\n".join(lines),
            title=words("persona.list_title"),
            footer=words("persona.list_footer"),
            buttons=_rows(buttons),
        )

    async def _greeting(self, row: OutboxRow, words: "_Words") -> Message:
        persona = await personas.get(int(row.payload["account"]), int(row.payload["persona"]))
        return Message(
            persona.card.get("greeting") or words("chat.nothing", name=persona.name),
            speaker=persona.name,
            buttons=((_button(words, "portrait", "portrait", persona.id),),),
        )

    async def _prompt(self, row: OutboxRow, words: "_Words") -> Message:
        account, name = int(row.payload["account"]), row.payload["name"]
        try:
            default = self._prompts.get(name)
        except PromptNotFound:
            names = ", ".join(self._prompts.names())
            return Message(words("prompt.unknown", name=name, names=names), private=True)
        own = await overrides.get(account, name)
        footer = words("prompt.state_default") if own is None else words("prompt.state_changed", name=name)
        title = words("prompt.title", name=name)
        return Message(own if own is not None else default.source, title=title, footer=footer, private=True)

    async def _model(self, row: OutboxRow, words: "_Words") -> Message:
        chosen = await accounts.chosen_model(int(row.payload["account"]))
        return Message("\n\n".join(status.models(words, chosen, await self._queue.models())), private=True)

    async def _status(self, row: OutboxRow, words: "_Words") -> Message:
        heartbeats = await self._queue.heartbeats()
        mine = await stories.list_owned(int(row.payload["account"]), int(row.payload["user"]), limit=1000)
        lines = [*status.everybody(words, heartbeats, await jobs.load()), words("status.stories", stories=len(mine))]
        # Workers and servers are nobody else's business: a group would read along.
        if row.destination.get("kind") == "dm" and self._operates(row):
            work, mail = await jobs.counts(), await outbox.counts()
            lines += ["", *status.operators(words, heartbeats, work, mail)]
        return Message("\n".join(lines), title=words("status.title"), private=True)

    def _operates(self, row: OutboxRow) -> bool:
        """Whether a row's answer goes to somebody who runs the service. The console is only used on its own machine."""
        return row.platform == "console" or f"{row.platform}:{row.destination.get('user_id', '')}" in self._operators

    async def _help(self, row: OutboxRow, words: "_Words") -> Message:
        del row
        lines = [words("help.line", usage=usage(spec), help=spec.help) for spec in self._registry]
        return Message(words("help.intro") + "\n\n" + "\n".join(lines), title=words("help.title"))

    async def _picture(self, row: OutboxRow, words: "_Words") -> Message:
        picture = await _picture_of(row)
        return Message(words("picture.unknown")) if picture is None else picture_message(picture, words)

    async def _picture_prompt(self, row: OutboxRow, words: "_Words") -> Message:
        picture = await _picture_of(row)
        return Message(words("picture.unknown"), private=True) if picture is None else prompt_message(picture, words)

    async def _picture_file(self, row: OutboxRow, words: "_Words") -> Message:
        picture = await _picture_of(row)
        return Message(words("picture.unknown")) if picture is None else file_message(picture, words)


class _Words:
    """The wordings of one language."""

    def __init__(self, language: str) -> None:
        self.language = language or locales.DEFAULT

    def __call__(self, key: str, **values: Any) -> str:
        return locales.text(key, values, self.language)


def usage(spec: CommandSpec) -> str:
    """Return how a command is typed: ``/story new premise [genre=…]``."""
    words = [f"/{spec.name}", *(p.name if p.required else f"[{p.name}]" for p in spec.parameters)]
    return " ".join(words)


async def _words(row: OutboxRow) -> _Words:
    user = await accounts.user_called(row.platform, str(row.destination.get("user_id", "")))
    return _Words("" if user is None else user.language)


async def _picture_of(row: OutboxRow) -> Picture | None:
    return await pictures.find(await outbox.account_of(row.id), int(row.payload["picture"]))


def _offered(choices: list[Choice]) -> tuple[str, ...]:
    return tuple(c.text for c in choices if c.kind != "own")


def _button(words: _Words, verb: Any, label: str, *args: int, style: Any = "secondary") -> Button:
    return Button(words(f"button.{label}"), Action(verb, args).pack(), word=label, style=style)


def _page_buttons(words: _Words, story: Story, page: Page, choices: list[Choice]) -> tuple[tuple[Button, ...], ...]:
    at = (page.id, story.revision)
    numbers = tuple(
        Button(str(c.position), Action("choose", (*at, c.position)).pack(), str(c.position), style="primary")
        for c in choices
        if c.kind != "own"
    )
    back = (_button(words, "back", "back", *at),) if page.parent_id is not None else ()
    own = (_button(words, "own", "own", *at),) if page.state == "ready" and not page.ending else ()
    drawn = (_button(words, "picture", "picture", page.id),) if page.state == "ready" else ()
    turns = (*back, _button(words, "retry", "retry", *at), *own, *drawn)
    return tuple(row for row in (numbers, turns) if row)


def _moved_buttons(words: _Words, story: Story) -> tuple[tuple[Button, ...], ...]:
    return ((_button(words, "current", "current", story.id),),)


def _rows(buttons: list[Button], width: int = 5) -> tuple[tuple[Button, ...], ...]:
    return tuple(tuple(buttons[n : n + width]) for n in range(0, len(buttons), width))
