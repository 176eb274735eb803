"""Steps of erasing: let answers go out, take the person out of places, delete their accounts, and the person."""

import asyncio
from typing import Any, ClassVar, Final

from db import erasure, jobs
from db.schemas import load_schemas
from db.work import EraseData
from workers.steps.base import Commit, Run, Step

ANSWERS_SECONDS: Final = 60.0
"""How long what was still to be said is waited for: it goes with the account."""
_PAUSE_SECONDS: Final = 0.5


class LetAnswersOut(Step):
    """Wait until the answers to what was cancelled are sent, and the confirmation."""

    name: ClassVar[str] = "let_answers_out"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return whether all were sent in time."""
        for _ in range(round(ANSWERS_SECONDS / _PAUSE_SECONDS)):
            if await erasure.answered(run.parameters(EraseData)):
                return {"answered": True}
            await asyncio.sleep(_PAUSE_SECONDS)
        return {"answered": False}


class FindPeople(Step):
    """Find the people of the accounts: they go with them unless another account knows them."""

    name: ClassVar[str] = "find_people"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return their ids."""
        specs = (await asyncio.to_thread(load_schemas)).specs
        found = [await erasure.people_of(account, specs) for account in run.parameters(EraseData).accounts]
        return {"people": sorted({each for people in found for each in people})}


class EraseInPlaces(Step):
    """Take the person's words, pictures and name out of the accounts that stay."""

    name: ClassVar[str] = "erase_in_places"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the jobs of others that ended with it."""
        specs = (await asyncio.to_thread(load_schemas)).specs
        ended = await erasure.erase_in_places(run.parameters(EraseData), specs)
        for job_id in ended:
            await run.services.queue.notify_cancel(job_id)
        return {"ended": ended}


class EraseAccounts(Step):
    """Delete the accounts with all that belongs to them."""

    name: ClassVar[str] = "erase_accounts"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return how many there were."""
        specs = (await asyncio.to_thread(load_schemas)).specs
        people = run.outputs[FindPeople.name]["people"]
        gone = [await erasure.erase_account(a, specs, people) for a in run.parameters(EraseData).accounts]
        return {"accounts": sum(gone)}


class ErasePerson(Commit):
    """Delete the person, and what the job itself knew about them."""

    name: ClassVar[str] = "erase_person"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return nothing."""
        user_id = run.parameters(EraseData).user
        if user_id is not None:
            specs = (await asyncio.to_thread(load_schemas)).specs
            for ended in await erasure.erase_person(user_id, specs):
                await run.services.queue.notify_cancel(ended)
        await jobs.forget_parameters(run.job.id, run.token)
        return {}
