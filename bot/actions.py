"""What buttons do: one handler per verb of bot.buttons."""

from collections.abc import Awaitable, Callable
from typing import Final

from bot.buttons import Action, Verb
from bot.commands import picture as picture_commands
from bot.commands import story as story_commands
from bot.commands.persona import use_persona
from bot.context import Context
from db import chats, jobs, personas, pictures, stories, work
from db.errors import NotAllowed, NotFound
from db.work import DrawAgain, Failure, PersonaReply, Upscale, Variations
from prompts.safety.rating import exceeds, parse_rating


async def _choose(context: Context, action: Action) -> None:
    page_id, revision, position = action.args
    move = await stories.choose(context.account_id, context.user_id, page_id, revision, position)
    await _moved(context, page_id, move)


async def _back(context: Context, action: Action) -> None:
    page_id, revision = action.args
    await context.mark(page_id)
    await story_commands.go_back(context, page_id, revision)


async def _retry(context: Context, action: Action) -> None:
    page_id, revision = action.args
    move = await stories.retry(context.account_id, context.user_id, page_id, revision)
    await context.mark(page_id)
    await story_commands.show(context, move)


async def own(context: Context, page_id: int, revision: int, text: str) -> None:
    """Take an action that the person wrote."""
    move = await stories.choose_own(context.account_id, context.user_id, page_id, revision, text)
    await _moved(context, page_id, move)


async def _current(context: Context, action: Action) -> None:
    await story_commands.show_current(context, action.args[0])


async def _delete(context: Context, action: Action) -> None:
    story, abandoned = await stories.delete(context.account_id, context.user_id, action.args[0])
    for each in abandoned:
        await context.answer_for(each)
    await context.notice("story.deleted", private=False, title=story.title)


async def _keep(context: Context, action: Action) -> None:
    story, _ = await stories.at_cursor(context.account_id, context.user_id, action.args[0])
    await context.notice("story.kept", title=story.title)


async def _persona(context: Context, action: Action) -> None:
    await use_persona(context, await personas.get(context.account_id, action.args[0]))


async def _variant(context: Context, action: Action) -> None:
    reply = (await chats.again(context.who.conversation, action.args[0])).reply
    await context.work(PersonaReply(reply=reply.id))


async def _cancel(context: Context, action: Action) -> None:
    job = await jobs.get(action.args[0])
    if job is None or job.account_id != context.account_id or job.state in ("done", "dead", "cancelled"):
        raise NotFound("job.over")
    if job.user_id != context.user_id:
        raise NotAllowed("job.not_yours")
    if work.stoppable(job) and job.state == "running":
        # What was written so far is kept: the worker ends it there, and that is the answer.
        asked = await jobs.ask_to_stop(job.id)
        context.cancels.append(job.id)
        if asked:
            return
        job = await jobs.get(job.id) or job
        if job.state == "running" and job.stop_requested:
            await context.notice("job.stopping")
            return
    await context.answer_for(await jobs.abandon(job.id, Failure("job.cancelled")))


async def _illustrate(context: Context, action: Action) -> None:
    await picture_commands.illustrate(context, action.args[0])


async def _portrait(context: Context, action: Action) -> None:
    await picture_commands.portray(context, await personas.get(context.account_id, action.args[0]))


async def _redraw(context: Context, action: Action) -> None:
    await picture_commands.redraw(context, DrawAgain, action.args[0])


async def _vary(context: Context, action: Action) -> None:
    await picture_commands.redraw(context, Variations, action.args[0])


async def _upscale(context: Context, action: Action) -> None:
    await picture_commands.redraw(context, Upscale, action.args[0])


async def _prompt(context: Context, action: Action) -> None:
    picture = await pictures.get(context.account_id, action.args[0])
    await context.say("picture_prompt", {"picture": picture.id}, ordered=False, private=True)


async def _file(context: Context, action: Action) -> None:
    picture = await pictures.get(context.account_id, action.args[0])
    if exceeds(parse_rating(picture.rating), picture_commands.allowed_here(context)):
        raise NotAllowed("picture.place_refuses")
    await context.say("picture_file", {"picture": picture.id})


async def _erase(context: Context, action: Action) -> None:
    admin = context.event.user.is_admin
    for each in await pictures.delete(context.account_id, context.user_id, action.args[0], admin=admin):
        await context.answer_for(each)
    await context.erase()
    await context.notice("picture.deleted")


async def _moved(context: Context, page_id: int, move: stories.Move) -> None:
    """Mark the choice, show where it leads, and give the page's waiting job what it waits for."""
    await context.mark(page_id, move.page.choice_id)
    await story_commands.show(context, move)
    job_id = None if move.left is None else move.left.job_id
    if job_id is not None and await jobs.interact(job_id, {"choice": move.page.choice_id}):
        context.wakes.append(job_id)


_HANDLERS: Final[dict[Verb, Callable[[Context, Action], Awaitable[None]]]] = {
    "choose": _choose,
    "back": _back,
    "retry": _retry,
    "current": _current,
    "open": _current,
    "delete": _delete,
    "keep": _keep,
    "persona": _persona,
    "variant": _variant,
    "cancel": _cancel,
    "picture": _illustrate,
    "portrait": _portrait,
    "redraw": _redraw,
    "vary": _vary,
    "upscale": _upscale,
    "prompt": _prompt,
    "file": _file,
    "erase": _erase,
}


async def press(context: Context, action: Action) -> None:
    """Do what a button says. Raises `db.errors.UserError`; `LookupError` and `ValueError` for forged data."""
    await _HANDLERS[action.verb](context, action)
