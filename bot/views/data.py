"""Messages about people's data: what is stored, what an export holds, what deleting deletes."""

from collections.abc import Mapping
from typing import Any, Final

from bot.messages import Attachment, FileContent, Message
from bot.views.base import ViewContext, ViewSpec, in_rows
from db import access, data_choices, data_exports, erasure, jobs
from db.connection import transaction
from db.data_choices import KEEP_DAYS
from db.errors import NotFound
from db.outbox import OutboxMessage
from db.payloads.data import (
    ChoicesShown,
    ErasePersonAsked,
    ErasePlaceAsked,
    ExportPart,
    ExportReady,
    PrivacyNotice,
)
from db.work import ExportData

_LOCAL: Final = frozenset({"llama", "sdxl", "template"})
"""The engines that work on the operator's own machines; what others get leaves them."""
SMALL_BYTES: Final = 10_000_000
"""What every platform takes everywhere."""
_LASTING: Final = {
    "jobs": "jobs",
    "results": "artifacts",
    "sent": "outbox",
    "events": "inbox",
    "audit": "audit",
    "incidents": "incidents",
    "bans": "access_rules",
    "reports": "reports",
}
"""The tables whose retention the notice names, by the word for it."""
_COUNTED: Final = ("stories", "messages", "pictures", "personas", "prompts")


async def privacy(view: ViewContext, payload: PrivacyNotice) -> Message:
    """Compose the operator's text, or what holds for every deployment; with what the person can do."""
    del payload
    commands = view.words("privacy.commands")
    if view.around.terms.text:
        return Message(f"{view.around.terms.text}\n\n{commands}", title=view.words("privacy.title"), private=True)
    days = {name: view.around.terms.days[f"public.{table}"] for name, table in _LASTING.items()}
    lines = [
        view.words("privacy.stored"),
        view.words("privacy.kept", **days),
        view.words("privacy.notes", **days),
        view.words("privacy.backups", days=view.around.terms.backup_days),
        await _receivers(view),
        view.words("privacy.rights"),
        commands,
    ]
    if view.around.appeal:
        lines.append(view.words("privacy.contact", contact=view.around.appeal))
    return Message("\n\n".join(lines), title=view.words("privacy.title"), private=True)


async def _receivers(view: ViewContext) -> str:
    """Return who gets what people write: the engines and classifiers of the workers that live now."""
    found = await view.around.queue.heartbeats()
    engines: list[Mapping[str, Any]] = [e for worker in found for e in (*worker["engines"], *worker["pictures"])]
    remote = sorted({str(e.get("engine", "?")) for e in engines} - _LOCAL)
    servers = sorted({str(s["name"]) for e in engines for s in e.get("servers", ()) if s.get("name")})
    judges = {str(server) for worker in found for server in worker["classifiers"]}
    if named := sorted({*(servers or remote if remote else ()), *judges}):
        return view.words("privacy.remote", engines=", ".join(named))
    return view.words("privacy.local" if found else "privacy.unknown")


async def export_ready(view: ViewContext, payload: ExportReady) -> Message:
    """Compose the answer to a request for an export."""
    return Message(view.words("data.export_ready", parts=payload.parts), private=True)


async def export_part(view: ViewContext, payload: ExportPart) -> Message | None:
    """Compose a part of an export."""
    found = await data_exports.part_size(payload.part)
    if found is None:
        return None
    number, size = found
    name = "storyfork-data.zip" if payload.parts == 1 else f"storyfork-data-{number}-of-{payload.parts}.zip"

    async def load() -> FileContent:
        data = await data_exports.part(payload.part)
        if data is None:
            raise NotFound("data.export_gone")
        return FileContent(data, "application/zip", name)

    return Message(
        "",
        footer=view.words("data.part", number=number, parts=payload.parts) if payload.parts > 1 else "",
        attachments=(Attachment(load, size=size),),
        private=True,
    )


async def part_too_large(payload: ExportPart, row: OutboxMessage) -> bool:
    """Write the export anew, in parts that any place takes: the way for larger ones is closed by now."""
    async with transaction():
        size = await data_exports.part_size(payload.part)
        export = None if size is None or size[1] <= SMALL_BYTES else await data_exports.restart(payload.part)
        if export is None:
            return False
        parameters = ExportData(
            export=export.id, person=export.user_id, place=export.account_id, limit=SMALL_BYTES, answers=False
        )
        await jobs.add(
            parameters, account_id=row.account_id, user_id=export.user_id, conversation_id=row.conversation_id,
            event_key=row.event_key, destination=row.destination,
        )  # fmt: skip
    return True


async def part_sent(payload: ExportPart) -> None:
    """Delete a part that was delivered."""
    await data_exports.drop_part(payload.part)


async def erase_person(view: ViewContext, payload: ErasePersonAsked) -> Message:
    """Compose what deleting a person's data deletes and what stays, with the question."""
    found = await erasure.survey_person(payload.user)
    lines = [view.words("data.goes"), *_counted(view, found)]
    if found.place_texts:
        lines.append(view.words("data.goes_places", count=found.place_texts))
    lines += [view.words("data.goes_rest"), "", view.words("data.stays")]
    if found.place_pages:
        lines.append(view.words("data.stays_pages", count=found.place_pages))
    if await access.is_banned(payload.user):
        lines.append(view.words("data.stays_ban"))
    lines += [
        view.words("data.stays_messages"),
        view.words("data.stays_limits"),
        view.words("data.stays_backups", days=view.around.terms.backup_days),
        "",
        view.words("data.sure"),
    ]
    return Message(
        "\n".join(lines),
        title=view.words("data.delete_title"),
        buttons=((view.button("wipe", payload.user, payload.asked, style="danger"), view.button("unwipe")),),
        private=True,
    )


async def erase_place(view: ViewContext, payload: ErasePlaceAsked) -> Message:
    """Compose the same for a place."""
    found = await erasure.survey_place(payload.account)
    lines = [
        view.words("data.goes_place"),
        *_counted(view, found, "data.count_none_place"),
        "",
        view.words("data.stays"),
        view.words("data.stays_messages"),
        view.words("data.stays_backups", days=view.around.terms.backup_days),
        "",
        view.words("data.sure_place"),
    ]
    asked = view.button("wipe_place", payload.account, payload.asked, label="wipe", style="danger")
    return Message(
        "\n".join(lines),
        title=view.words("data.delete_place_title"),
        buttons=((asked, view.button("unwipe")),),
        private=True,
    )


async def choices(view: ViewContext, payload: ChoicesShown) -> Message:
    """Compose what a person has chosen for their data, with buttons to change it."""
    chosen = await data_choices.of_person(payload.user)
    kept = "data.kept_for" if chosen.keep_days else "data.kept_always"
    lines = [
        view.words("data.learning_on" if chosen.learning else "data.learning_off"),
        view.words("data.archive_on" if chosen.archive else "data.archive_off"),
        view.words(kept, days=chosen.keep_days or 0),
    ]
    switches = (
        view.button("data_learn", int(not chosen.learning), label="learn_off" if chosen.learning else "learn_on"),
        view.button("data_archive", int(not chosen.archive), label="archive_off" if chosen.archive else "archive_on"),
    )
    times = [view.button("data_days", days, text=view.words("data.days", days=days)) for days in KEEP_DAYS] + [
        view.button("data_days", 0, label="keep_always")
    ]
    return Message(
        "\n\n".join(lines),
        title=view.words("data.settings_title"),
        buttons=(switches, *in_rows(times)),
        private=True,
        menu=True,
    )


def _counted(view: ViewContext, found: Any, none: str = "data.count_none") -> list[str]:
    """Return a line for each kind of data of which there is any."""
    return [view.words(f"data.count_{name}", count=count) for name in _COUNTED if (count := getattr(found, name))] or [
        view.words(none)
    ]


VIEWS: Final = (
    ViewSpec(PrivacyNotice, privacy),
    ViewSpec(ExportReady, export_ready),
    ViewSpec(ExportPart, export_part, sent=part_sent, too_large=part_too_large),
    ViewSpec(ErasePersonAsked, erase_person),
    ViewSpec(ErasePlaceAsked, erase_place),
    ViewSpec(ChoicesShown, choices),
)
