"""The part of `tests.db.scopes` that is about personas."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from db import chat_openings, speakers
from db.personas import library, making, sharing


async def own(c: Any) -> library.Persona:
    """A persona of the caller's."""
    return await making.create(c.account, c.user, {"name": "quillon"})


async def copied(c: Any, copy: Callable[..., Awaitable[Any]]) -> Any:
    return await copy(c.account, c.user, await own(c))


PERSONA_CALLS: Final[Mapping[str, Callable[[Any], Awaitable[Any]]]] = {
    "personas.library.known": lambda c: library.known(c.account, c.user),
    "personas.library.get": lambda c: library.get(c.account, c["personas"]),
    "personas.library.seen": lambda c: library.seen(c.account, c.user, c["personas"], moderate=True),
    "personas.library.named": lambda c: library.named(c.account, f"#{c['personas']}", c.user),
    "personas.library.use": lambda c: library.use(c.chat, c["personas"]),
    "personas.library.active": lambda c: library.active(c.ben.conversation),
    "chat_openings.open_chat": lambda c: chat_openings.open_chat(c.chat, 1, 0, ["Hello"], "checked", c.user),
    "speakers.of_job": lambda c: speakers.of_job(c.account, c["jobs"]),
    "speakers.is_new": lambda c: speakers.is_new(c.account, c["chat_messages"]),
    "personas.making.create": own,
    "personas.making.whole_card": lambda c: making.whole_card(c.account, c.user, c["personas"]),
    "personas.making.edit": lambda c: making.edit(
        c.account, c.user, c["personas"], {"tagline": "mine"}, moderate=True, verdict="checked"
    ),
    "personas.making.undo": lambda c: making.undo(c.account, c.user, c["personas"], moderate=True),
    "personas.making.revisions": lambda c: making.revisions(c.account, c.user, c["personas"]),
    "personas.making.copy": lambda c: copied(c, making.copy),
    "personas.making.adopt": lambda c: copied(c, making.adopt),
    "personas.making.remove": lambda c: making.remove(c.account, c.user, c["personas"], moderate=True),
    "personas.making.restore": lambda c: making.restore(c.account, c.user, c["personas"], moderate=True),
    "personas.making.changeable": lambda c: making.changeable(c.account, c.user, c["personas"], moderate=True),
    "personas.sharing.share": lambda c: sharing.share(c.account, c.user, c["personas"]),
    "personas.sharing.unshare": lambda c: sharing.unshare(c.account, c.user, c["personas"], moderate=True),
    "personas.sharing.shared": lambda _: sharing.shared("nobody's"),
    "personas.sharing.show_to": lambda c: sharing.show_to(c.account, c.user, c["personas"], "service", moderate=True),
}
