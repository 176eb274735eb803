"""Steps of a data export: write the archive, send its parts."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, ClassVar

from db import data_exports
from db.errors import LeaseLost
from db.payloads.data import ExportPart, ExportReady
from db.schemas import load_schemas
from db.work import ExportData
from workers.exports.personal_data import README, VERSION, ArchiveWriter, schema
from workers.steps.base import Commit, Run, Step


class WriteArchive(Step):
    """Write the archive, part by part: memory holds one of them, or a few files."""

    name: ClassVar[str] = "write_archive"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the ids of the parts. Raises `LeaseLost` if the export was deleted."""
        parameters = run.parameters(ExportData)
        specs = (await asyncio.to_thread(load_schemas)).specs
        what = "everything that this bot stores about you" if parameters.place is None else "what belongs to this place"
        when = datetime.now(UTC).isoformat(timespec="seconds")
        if parameters.place is None:
            found = data_exports.export_person(parameters.person, specs)
        else:
            found = data_exports.export_place(parameters.place, specs)
        parts: list[int] = []
        archive, written = ArchiveWriter(parameters.limit), 0
        readme = README.format(what=what, when=when, version=VERSION)
        await asyncio.to_thread(archive.add, "README.txt", readme.encode())
        await asyncio.to_thread(archive.add_json, "schema.json", schema(await data_exports.exported_columns(specs)))
        async with aclosing(found) as batches:
            async for batch in batches:
                await asyncio.to_thread(archive.add_rows, batch)
                written += len(batch.rows)
                await run.tracker.report("exporting", min(95, written // 100))
                await self._keep(archive, parameters.export, parts)
        await asyncio.to_thread(archive.close)
        await self._keep(archive, parameters.export, parts)
        return {"parts": parts}

    @staticmethod
    async def _keep(archive: ArchiveWriter, export: int, parts: list[int]) -> None:
        while archive.finished:
            part = await data_exports.put_part(export, len(parts) + 1, archive.finished.pop(0))
            if not part:
                raise LeaseLost(f"export {export} was deleted")
            parts.append(part)


class SendArchive(Commit):
    """Send the parts, each as a message: the answer says how many there are."""

    name: ClassVar[str] = "send_archive"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return how many there are."""
        parts: list[int] = run.outputs[WriteArchive.name]["parts"]
        part = "reply" if run.parameters(ExportData).answers else "export"
        await run.reply(ExportReady(parts=len(parts)), part=part)
        for each in parts:
            # By the part's id: an export whose parts were too large is written, and sent, anew.
            await run.reply(ExportPart(part=each, parts=len(parts)), part=f"export-{each}")
        return {"parts": len(parts)}
