"""The product's own job types, and how each is abandoned."""

from typing import Final

from db import announcements, chat_turns, chats, feeds, moderation, stories, uploads
from db.asking import AskModel
from db.chat_imports import ImportChat
from db.chat_moments import DrawMoment
from db.chat_suggestions import SuggestLine
from db.chat_turns import JudgeEdit
from db.context_sessions import ReplayContext
from db.feeds import ReadFeed
from db.lorebooks import ReadLorebook
from db.memory.judging import JudgeMemory
from db.memory.memories import Remember
from db.payloads.base import Payload
from db.payloads.story import PageFailed
from db.personas.importing import ExportPersona, ImportPersona
from db.personas.judging import JudgePersona
from db.personas.writing import MakeUpPersona, RewritePersonaJob
from db.redrawing import DrawAgain, Upscale, Variations
from db.saved_chats import ExportChat
from db.token_counts import CountTokens
from db.uploads import ReadDocument
from db.work import (
    Abandon,
    BranchingPage,
    Deadlines,
    EraseData,
    ExportData,
    Failure,
    IllustratePage,
    Imagine,
    Job,
    JobParameters,
    JobType,
    JudgePrompt,
    JudgeScopedPrompt,
    PersonaPortrait,
    PersonaReply,
    notice,
)

_MONTH: Final = 30 * 86400.0
_DRAWING: Final = "job.preparing"
_PHASES: Final = {"AI_CALL": "job.imagining", "PARSE": "job.imagining"}
"""A picture whose description is being written is not told as writing."""
_MAKING_UP: Final = {"AI_CALL": "persona.making_up", "PARSE": "persona.making_up"}
_DEADLINES: Final = Deadlines(run_s=2 * 3600.0)
"""A large picture on a processor takes its time."""

_ERASING: Final = Deadlines(nobody_s=_MONTH, start_s=_MONTH, run_s=12 * 3600.0)
"""What was promised to be deleted waits for a worker as long as it takes."""


_ANNOUNCING: Final = Deadlines(run_s=2 * 86400.0)
"""Ten messages a second."""


async def _page(job: Job, parameters: BranchingPage, failure: Failure) -> Payload | None:
    """Mark the page as failed; the story goes back to the previous page."""
    del job
    if failure.key in moderation.REFUSALS:
        await moderation.refuse_of_page(parameters.page)
    story = await stories.give_up(parameters.page)
    values = failure.values if story is None else {**failure.values, "story": story.id}
    return PageFailed(key=failure.key, values=values)


async def _reply(job: Job, parameters: PersonaReply, failure: Failure) -> Payload | None:
    """Mark the reply as failed."""
    if failure.key in moderation.REFUSALS:
        await moderation.refuse_of_reply(parameters.reply)
    await chats.give_up(parameters.reply)
    return await notice(job, parameters, failure)


async def _edit(job: Job, parameters: JudgeEdit, failure: Failure) -> Payload | None:
    """Drop what a person wrote in place of a reply."""
    await chat_turns.drop_edit(parameters.reply)
    return await notice(job, parameters, failure)


async def _illustration(job: Job, parameters: IllustratePage, failure: Failure) -> Payload | None:
    """Abandon an automatic picture silently."""
    return None if parameters.automatic else await notice(job, parameters, failure)


async def _remember(job: Job, parameters: Remember, failure: Failure) -> Payload | None:
    """Nobody waits for it: it is due again later."""
    del job, parameters, failure
    return None


async def _upload(
    job: Job, parameters: ReadDocument | ReadLorebook | ImportPersona | ImportChat, failure: Failure
) -> Payload | None:
    """Drop the file."""
    await uploads.drop(parameters.upload)
    return await notice(job, parameters, failure)


async def _feed(job: Job, parameters: ReadFeed, failure: Failure) -> Payload | None:
    """Drop a feed that could not be read when it was added. For others nobody waits: they are due again later."""
    await feeds.give_up(parameters.feed)
    return await notice(job, parameters, failure) if parameters.asked else None


async def _announcement(job: Job, parameters: announcements.Announce, failure: Failure) -> Payload | None:
    """Stop an announcement where it is: what was sent stays."""
    await announcements.end(parameters.announcement, "dropped")
    return await notice(job, parameters, failure)


def _picture(parameters: type[JobParameters], abandon: Abandon = notice) -> JobType:
    return JobType(
        parameters, abandon, wording=_DRAWING, phases=_PHASES, deadlines=_DEADLINES, nobody="picture.nobody",
        quota="pictures",
    )  # fmt: skip


SPECS: Final = (
    JobType(BranchingPage, _page, quota="pages"),
    JobType(JudgePrompt),
    JobType(JudgeScopedPrompt),
    JobType(JudgeMemory),
    JobType(JudgePersona),
    JobType(JudgeEdit, _edit),
    JobType(MakeUpPersona, wording="persona.making_up", phases=_MAKING_UP),
    JobType(RewritePersonaJob, wording="persona.making_up", phases=_MAKING_UP),
    JobType(ReplayContext, wording="told.counting"),
    JobType(CountTokens, wording="told.counting"),
    JobType(PersonaReply, _reply, stoppable=True, quota="replies"),
    JobType(AskModel, stoppable=True, quota="replies"),
    JobType(SuggestLine, quota="replies"),
    _picture(Imagine),
    _picture(IllustratePage, _illustration),
    _picture(PersonaPortrait),
    _picture(DrawMoment),
    _picture(DrawAgain),
    _picture(Variations),
    _picture(Upscale),
    JobType(ImportPersona, _upload, wording="cards.reading", phases={"reading": "cards.reading"}),
    JobType(ExportPersona, wording="cards.writing", phases={"writing": "cards.writing"}),
    JobType(ImportChat, _upload, wording="chat_import.reading", phases={"reading": "chat_import.reading"}),
    JobType(ExportChat, wording="chat.writing", phases={"writing": "chat.writing"}),
    JobType(ReadLorebook, _upload, wording="lore.reading", phases={"reading": "lore.reading"}),
    JobType(ReadDocument, _upload, wording="archive.reading", phases={"reading": "archive.reading"}),
    JobType(ReadFeed, _feed, wording="feed.reading", phases={"reading": "feed.reading"}),
    JobType(ExportData, wording="data.exporting", phases={"exporting": "data.exporting"}, quota="exports"),
    JobType(EraseData, deadlines=_ERASING),
    JobType(Remember, _remember),
    JobType(
        announcements.Announce,
        _announcement,
        wording="operators.announcing",
        phases={"announcing": "operators.announcing"},
        deadlines=_ANNOUNCING,
    ),
)
