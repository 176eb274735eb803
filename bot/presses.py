"""What buttons do: one handler per verb of bot.buttons."""

from collections.abc import Awaitable, Callable
from typing import Final

from bot.buttons import Action, Verb
from bot.commands import picture as picture_commands
from bot.commands import story as story_commands
from bot.commands.persona import use_persona
from bot.turn import Turn
from db import chats, jobs, personas, pictures, stories
from db.errors import NotAllowed, NotFound
from db.models import Page
from prompts.safety.rating import exceeds, parse_rating


async def _choose(turn: Turn, action: Action) -> None:
    page_id, revision, position = action.args
    move = await stories.choose(turn.account_id, turn.user_id, page_id, revision, position)
    await _moved(turn, page_id, move)


async def _back(turn: Turn, action: Action) -> None:
    page_id, revision = action.args
    await turn.mark(page_id)
    await story_commands.go_back(turn, page_id, revision)


async def _retry(turn: Turn, action: Action) -> None:
    page_id, revision = action.args
    move = await stories.retry(turn.account_id, turn.user_id, page_id, revision)
    await turn.mark(page_id)
    await story_commands.show(turn, move)


async def own(turn: Turn, page_id: int, revision: int, text: str) -> None:
    """Take an action that the person wrote."""
    move = await stories.choose_own(turn.account_id, turn.user_id, page_id, revision, text)
    await _moved(turn, page_id, move)


async def _current(turn: Turn, action: Action) -> None:
    await story_commands.show_current(turn, action.args[0])


async def _delete(turn: Turn, action: Action) -> None:
    story, cancelled = await stories.delete(turn.account_id, turn.user_id, action.args[0])
    for job in cancelled:
        await turn.answer_for(job, "job.cancelled")
    await turn.notice("story.deleted", private=False, title=story.title)


async def _keep(turn: Turn, action: Action) -> None:
    story, _ = await stories.at_cursor(turn.account_id, turn.user_id, action.args[0])
    await turn.notice("story.kept", title=story.title)


async def _persona(turn: Turn, action: Action) -> None:
    await use_persona(turn, await personas.get(turn.account_id, action.args[0]))


async def _variant(turn: Turn, action: Action) -> None:
    reply = (await chats.again(turn.who.conversation, action.args[0])).reply
    await turn.work("persona_reply", {"reply": reply.id})


async def _cancel(turn: Turn, action: Action) -> None:
    job = await jobs.get(action.args[0])
    if job is None or job.account_id != turn.account_id or job.state in ("done", "dead", "cancelled"):
        raise NotFound("job.over")
    if job.user_id != turn.user_id:
        raise NotAllowed("job.not_yours")
    if "reply" in job.parameters and job.state == "running":
        # What was written so far is kept: the worker ends it there, and that is the answer.
        asked = await jobs.ask_to_stop(job.id)
        turn.cancels.append(job.id)
        if asked:
            return
        job = await jobs.get(job.id) or job
        if job.state == "running" and jobs.asked_to_stop(job):
            await turn.notice("job.stopping")
            return
    if "page" in job.parameters:
        await stories.give_up(int(job.parameters["page"]))
    if "reply" in job.parameters:
        await chats.give_up(int(job.parameters["reply"]))
    now = await jobs.get(job.id)
    if now is None or now.state not in ("queued", "running") or not await jobs.cancel(job.id):
        raise NotFound("job.over")
    await turn.answer_for(job, "job.cancelled", kind="page_failed" if "page" in job.parameters else "notice")


async def _illustrate(turn: Turn, action: Action) -> None:
    await picture_commands.illustrate(turn, action.args[0])


async def _portrait(turn: Turn, action: Action) -> None:
    await picture_commands.portray(turn, await personas.get(turn.account_id, action.args[0]))


async def _redraw(turn: Turn, action: Action) -> None:
    await picture_commands.redraw(turn, "draw_again", action.args[0])


async def _vary(turn: Turn, action: Action) -> None:
    await picture_commands.redraw(turn, "variations", action.args[0])


async def _upscale(turn: Turn, action: Action) -> None:
    await picture_commands.redraw(turn, "upscale", action.args[0])


async def _prompt(turn: Turn, action: Action) -> None:
    picture = await pictures.get(turn.account_id, action.args[0])
    await turn.say("picture_prompt", {"picture": picture.id}, ordered=False, private=True)


async def _file(turn: Turn, action: Action) -> None:
    picture = await pictures.get(turn.account_id, action.args[0])
    if exceeds(parse_rating(picture.rating), picture_commands.allowed_here(turn)):
        raise NotAllowed("picture.place_refuses")
    await turn.say("picture_file", {"picture": picture.id})


async def _erase(turn: Turn, action: Action) -> None:
    admin = turn.event.user.is_admin
    await pictures.delete(turn.account_id, turn.user_id, action.args[0], admin=admin)
    await turn.erase()
    await turn.notice("picture.deleted")


async def _moved(turn: Turn, page_id: int, move: stories.Move) -> None:
    """Mark the choice, show where it leads, and give the page's waiting job what it waits for."""
    await turn.mark(page_id, move.page.choice_id)
    await story_commands.show(turn, move)
    page = await Page.get(id=page_id)
    if page.job_id is not None and await jobs.interact(page.job_id, {"choice": move.page.choice_id}):
        turn.wakes.append(page.job_id)


_HANDLERS: Final[dict[Verb, Callable[[Turn, Action], Awaitable[None]]]] = {
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


async def press(turn: Turn, action: Action) -> None:
    """Do what a button says. Raises `db.errors.UserError`; `LookupError` and `ValueError` for forged data."""
    await _HANDLERS[action.verb](turn, action)
