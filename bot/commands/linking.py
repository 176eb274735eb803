"""`/link`, `/unlink`: a person on several platforms is one."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.context import Context
from bot.links import LINK, LinkSpec
from db import linking
from db.errors import NotAllowed
from db.linking_codes import LENGTH
from db.payloads.linking import LinkCode, LinkQuestion, UnlinkQuestion
from db.people import PERSONAL
from db.permissions import EVERYBODY


async def link(context: Context, values: dict[str, Any]) -> None:
    """Give a code, or take the one that was given on another platform."""
    code = str(values.get("code") or "").strip()
    if code:
        await take_code(context, code)
        return
    require_private(context)
    made = await linking.offer(context.user_id, context.conversation_id)
    await context.say(LinkCode(linking=made))


async def take_code(context: Context, code: str) -> None:
    """Take a code; both sides are then asked whether they are one."""
    require_private(context)
    entered = await linking.enter(code, context.who)
    found = entered.linking
    if found is None:
        # Answered here: a rollback would forget the wrong code.
        await context.notice(f"link.{entered.result}", left=entered.left, platform=entered.platform.capitalize())
        return
    question = LinkQuestion(linking=found.id)
    await context.say(question)
    if entered.result == "asked":
        await context.tell(found.conversation_id, found.user_id, question)


async def unlink(context: Context, values: dict[str, Any]) -> None:
    """Ask which identity to take off, and say what stays where."""
    del values
    require_private(context)
    if not context.who.linked:
        await context.notice("link.not_linked")
        return
    await context.say(UnlinkQuestion(user=context.user_id), private=True)


def require_private(context: Context) -> None:
    """Raise `NotAllowed` unless nobody else reads here."""
    who = context.who
    if who.account.kind not in PERSONAL or who.conversation.kind != "dm":
        raise NotAllowed("link.only_private")


COMMANDS: Final = (
    CommandSpec(
        "link",
        "Use your stories on another platform too",
        link,
        (Parameter("code", f"The {LENGTH} characters that you were given on the other platform"),),
        permission=EVERYBODY,
        example="4F7K2M9QXD",
    ),
    CommandSpec("unlink", "Separate your accounts on several platforms again", unlink, permission=EVERYBODY),
)
LINKS: Final = (LinkSpec(LINK, take_code),)
