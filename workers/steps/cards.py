"""Steps of character cards: read one from a file, have it judged, keep it as a persona; write one, send it."""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final, cast

from db import audit, personas, pictures, uploads
from db.errors import BadInput, LeaseLost
from db.memory.scopes import ArchiveScope
from db.payloads.cards import CardWritten, PersonaImported
from db.personas import Persona
from db.personas.card import PersonaCard
from db.personas.importing import CardForm, ExportPersona, ImportPersona
from db.pictures import Form, StoredFile
from prompts.safety.check import scan
from prompts.safety.passages import texts_of
from prompts.safety.rating import Rating, highest
from workers.cards.reading import ReadCard
from workers.cards.refusals import MAX_FILE_BYTES, CardRefused
from workers.cards.writing import written_charx, written_json, written_png
from workers.decoding.documents import card_in, lorebook_in
from workers.decoding.header import read_header
from workers.decoding.limits import PictureLimits, PictureRefused
from workers.decoding.pictures import clean_picture
from workers.moderation.gate import Gate, Gated
from workers.pictures.attachments import fit
from workers.pictures.examining import examine
from workers.pictures.order import describe
from workers.pictures.safety import card_texts
from workers.steps.archive import upload_of
from workers.steps.base import Commit, Run, Step
from workers.steps.lore import check_sizes, keep_book
from workers.steps.picture.draw import stored_files

NO_WORDS: Final = frozenset({"picture", "files", "uri", "key", "voice"})
"""Fields of a stored card that hold no words of people."""
_ENDINGS: Final[dict[CardForm, str]] = {"png": "png", "json": "json", "v2": "json", "charx": "charx"}
OF_CARD: Final = "card"
"""Stands for the engine of a portrait that is a card's own picture."""
PORTRAIT_SIDE: Final = 512
"""Pixels of the side of such a portrait, at most; platforms show fewer."""
PORTRAIT_LEAST: Final = 64
PORTRAIT_TOP: Final = 0.15
"""Where a tall picture is cut: people stand in them, with their heads near the top."""
_PICTURE: Final = PictureLimits(min_side=1, ratio=50)


class ReadCardFile(Step):
    """Read the card in the file, and drop the file."""

    name: ClassVar[str] = "read_card"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return what is to be said of it. Raises `BadInput` for a file that is refused."""
        upload = await upload_of(run, run.parameters(ImportPersona).upload)
        found: dict[str, Any] | None = upload.found
        if found is None:
            try:
                read = await card_in(
                    upload.data, title=PurePosixPath(upload.name).stem[:100] or "?", most=MAX_FILE_BYTES
                )
            except CardRefused as refusal:
                raise BadInput(f"cards.{refusal.reason}", field=refusal.field, **refusal.values) from refusal
            found = {"card": await _stored(read), "conflicts": list(read.conflicts), "newer": read.newer}
            if read.card.lorebook is not None and read.card.lorebook.get("entries"):
                found["lore"] = await lorebook_in(json.dumps(read.card.lorebook).encode())
                for role in ("chat", "writer"):
                    await check_sizes(run.services, role, found["lore"]["entries"])
            await uploads.put_found(upload.id, found)
        return {"conflicts": found["conflicts"], "newer": found["newer"]}


class JudgeCard(Step):
    """Have all words of a card judged before anything reads them."""

    name: ClassVar[str] = "judge_card"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return what it is rated. Raises `db.moderation.TextRefused`."""
        parameters, services = run.parameters(ImportPersona), run.services
        upload = await upload_of(run, parameters.upload)
        gate = Gate(
            services.moderator, services.policy, services.queue, run.tracker, Gated("card"), parameters.allowance
        )
        card = (upload.found or {}).get("card", {})
        text = "\n".join((upload.name, *texts_of(card, NO_WORDS)))
        await gate.admit_text(text)
        return {"rating": await gate.rating_of(text)}


class PortrayCard(Step):
    """Make a portrait of the card's picture: a square about the head of whoever stands in it."""

    name: ClassVar[str] = "portray_card"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return its side in pixels; 0 if the card has no picture, or none that may be shown."""
        parameters = run.parameters(ImportPersona)
        upload = await upload_of(run, parameters.upload)
        found = dict(upload.found or {})
        png = base64.b64decode(found.get("card", {}).get("picture") or "")
        if not png:
            return {"side": 0}
        width, height = read_header(png).width, read_header(png).height
        side = min(width, height, PORTRAIT_SIDE)
        if side < PORTRAIT_LEAST:
            return {"side": 0}
        square = await fit(png, side, side, top=PORTRAIT_TOP)
        minors = scan(*card_texts({name: each for name, each in found["card"].items() if name not in NO_WORDS})).minors
        # It stands beside every message, also where a later one would be too much: only what everybody may see.
        judge, safety = run.services.picture_classifier, run.services.safety
        if await examine(square, "sfw", judge, safety, minors=minors) != "show":
            return {"side": 0}
        found["portrait"] = {
            each.form: {"mime": each.mime, "data": base64.b64encode(each.data).decode()}
            for each in await stored_files(square)
        }
        await uploads.put_found(upload.id, found)
        return {"side": side}


class KeepCard(Commit):
    """Make a persona of the card, with its lorebook."""

    name: ClassVar[str] = "keep_card"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return its id. Raises `LimitReached` if there are enough personas."""
        parameters = run.parameters(ImportPersona)
        upload = await upload_of(run, parameters.upload)
        if upload.found is None:
            raise LeaseLost(f"upload {upload.id} was not read")
        card: dict[str, Any] = upload.found["card"]
        rating = highest(card.get("rating"), run.outputs[JudgeCard.name].get("rating"))
        made = await personas.create(
            upload.account_id,
            upload.user_id,
            {**card, "rating": rating},
            source="imported",
            visibility=parameters.visibility,
            verdict="checked",
        )
        await _keep_portrait(run, made, upload.found.get("portrait") or {}, rating)
        lore = upload.found.get("lore")
        if lore is not None:
            await keep_book(upload, ArchiveScope.persona(made.id), made.name, lore, rating)
        await uploads.drop(upload.id)
        if parameters.visibility == "place":
            await audit.note(
                "persona_import", account_id=upload.account_id, user_id=upload.user_id, subject=str(made.id)
            )
        said = run.outputs[ReadCardFile.name]
        told = PersonaImported(
            account=upload.account_id,
            user=upload.user_id,
            persona=made.id,
            entries=0 if lore is None else len(lore["entries"]),
            conflicts=said["conflicts"],
            newer=said["newer"],
        )
        if run.job.event_key is None:
            await run.send(told)  # the operator has handed it in
        else:
            await run.reply(told)
        return {"persona": made.id}


class WriteCard(Step):
    """Write a persona as a card."""

    name: ClassVar[str] = "write_card"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the id of the file. Raises `NotFound` if the person does not see the persona."""
        parameters, job = run.parameters(ExportPersona), run.job
        if job.account_id is None or job.user_id is None:
            raise LeaseLost("who asked for it is gone")
        whole = await personas.whole_card(job.account_id, job.user_id, parameters.persona)
        portrait = await pictures.portrait(job.account_id, parameters.persona)
        # That of the card itself is a part of the picture that the card still has.
        replaced = portrait is not None and portrait.engine != OF_CARD
        drawn = await pictures.file(job.account_id, portrait.id, "full") if portrait and replaced else None
        data = await written_card(whole, parameters.form, b"" if drawn is None else drawn.data)
        name = re.sub(r"[^\w\- ]", "", str(whole.get("name"))).strip()[:60] or "card"
        kept = await uploads.keep(job.account_id, job.user_id, f"{name}.{_ENDINGS[parameters.form]}", data)
        return {"upload": kept}


class SendCard(Commit):
    """Send the card."""

    name: ClassVar[str] = "send_card"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping."""
        job = run.job
        if job.account_id is not None and job.user_id is not None:
            upload = run.outputs[WriteCard.name]["upload"]
            await run.reply(CardWritten(account=job.account_id, user=job.user_id, upload=upload))
        return {}


async def _keep_portrait(run: Run, persona: Persona, files: Mapping[str, Any], rating: Rating) -> None:
    if not files:
        return
    side = run.outputs[PortrayCard.name]["side"]
    assert run.job.lease_token is not None
    await pictures.save(
        run.job.id,
        run.job.lease_token,
        pictures.NewPicture(
            kind="portrait", prompt="", negative="", alt=describe(persona.name), style="", size="", quality="",
            strength=1.0, seed=0, rating="sfw" if run.services.picture_classifier else rating, hidden=False, width=side,
            height=side, engine=OF_CARD, model="", persona_id=persona.id,
        ),
        [StoredFile(cast("Form", form), each["mime"], base64.b64decode(each["data"])) for form, each in files.items()],
    )  # fmt: skip


async def written_card(whole: Mapping[str, Any], form: CardForm, picture: bytes = b"") -> bytes:
    """Return a stored card, with what is stored apart of it, as a file; ``picture`` replaces the one it came with."""
    card = PersonaCard.lenient(whole)
    files = {path: base64.b64decode(content) for path, content in (whole.get("files") or {}).items()}
    png = await _png(picture) or base64.b64decode(whole.get("picture") or "")
    match form:
        case "png":
            return written_png(card, png, files)
        case "charx":
            return written_charx(card, png, files)
        case "json":
            return written_json(card, 3)
        case "v2":
            return written_json(card, 2)


async def _stored(read: ReadCard) -> dict[str, Any]:
    """Return a card as it is stored, with its picture and its files, which nothing here shows."""
    stored = read.card.stored()
    if picture := await _png(read.picture):
        stored["picture"] = base64.b64encode(picture).decode()
    if read.files:
        stored["files"] = {path: base64.b64encode(content).decode() for path, content in read.files.items()}
    return stored


async def _png(picture: bytes) -> bytes:
    """Return a picture as a clean PNG; nothing if it is none."""
    if not picture:
        return b""
    try:
        return (await clean_picture(picture, _PICTURE)).data
    except PictureRefused:
        return b""
