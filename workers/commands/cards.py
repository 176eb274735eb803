"""`python -m workers import-card` and `export-card`: character cards in files of the operator's."""

import asyncio
import sys
from pathlib import Path, PurePath
from typing import Final, cast

from db import jobs, people, pictures, uploads
from db.connection import connect, transaction
from db.environment import read_settings
from db.errors import NotFound
from db.migrate import await_schema
from db.personas import importing
from db.personas.importing import CardForm, ImportPersona
from db.settings import DatabaseSettings
from workers.cards.refusals import MAX_FILE_BYTES, CardRefused
from workers.decoding.documents import card_in
from workers.steps.cards import written_card

_FORMS: Final[dict[str, CardForm]] = {".png": "png", ".json": "json", ".charx": "charx"}


async def import_card(file: Path, owner: str) -> int:
    """Have the card in a file made a persona of somebody's (``platform:id``); returns the exit status.

    It is read here, so that a refusal is said at once, and again by the worker that has it judged and keeps it.
    """
    data = await asyncio.to_thread(file.read_bytes)
    try:
        read = await card_in(data, title=file.stem, most=MAX_FILE_BYTES)
    except CardRefused as refusal:
        said = ", ".join(f"{name} {value}" for name, value in refusal.values.items())
        sys.stderr.write(f"{file} is refused: {' '.join(filter(None, (refusal.reason, refusal.field, said)))}\n")
        return 1
    async with connect(read_settings(DatabaseSettings).database_url, pool_size=2):
        await await_schema()
        platform, _, key = owner.partition(":")
        person = await people.identity(platform, key)
        account = None if person is None else await people.personal_account(person.user_id)
        if person is None or account is None:
            sys.stderr.write(f"Nobody is known as {owner}: they have to write to the bot first.\n")
            return 1
        chats = await people.private_chats(person.user_id)
        async with transaction():
            upload = await uploads.keep(account, person.user_id, PurePath(file).name, data)
            await jobs.add(
                ImportPersona(upload=upload, allowance="nsfw"),
                account_id=account,
                user_id=person.user_id,
                conversation_id=chats[0] if chats else None,
            )
    sys.stdout.write(f"“{read.card.name}” is handed in for {owner}: a worker judges and keeps it.\n")
    for field in read.conflicts:
        sys.stdout.write(f"The file's older card says something else in {field}; the newer one is taken.\n")
    return 0


async def export_card(persona: int, file: Path) -> int:
    """Write a persona as a card, as the file's name ends; returns the exit status."""
    form = _FORMS.get(file.suffix.lower())
    if form is None:
        sys.stderr.write(f"{file} must end in {', '.join(_FORMS)}.\n")
        return 1
    async with connect(read_settings(DatabaseSettings).database_url, pool_size=2):
        await await_schema()
        try:
            account, card = await importing.whole(persona)
        except NotFound:
            sys.stderr.write(f"There is no persona {persona}.\n")
            return 1
        portrait = None if account is None else await pictures.portrait(account, persona)
        drawn = None if portrait is None else await pictures.file(cast("int", account), portrait.id, "full")
    written = await written_card(card, form, b"" if drawn is None else drawn.data)
    await asyncio.to_thread(file.write_bytes, written)
    sys.stdout.write(f"Saved to {file}.\n")
    return 0
