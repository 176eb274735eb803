"""What is true of dice: a table in a schema of its own, the job type, and the payloads of its messages."""

from importlib.resources import files
from typing import ClassVar, Final

from db.connection import row, rows
from db.errors import NotFound
from db.payloads.base import Payload
from db.payloads.notice import Notice
from db.schemas import SchemaSpec, TableRule
from db.work import Failure, Job, JobParameters, JobType

SCHEMA: Final = SchemaSpec(
    "dice",
    files("storyfork_dice") / "migrations",
    (TableRule("rolls", owner=("account_id",)), TableRule("luck", owner=("account_id",))),
)


class DiceRoll(JobParameters):
    """Throw the dice of a roll."""

    type: ClassVar[str] = "dice_roll"
    roll: int


class RollReady(Payload):
    """A roll, thrown."""

    kind: ClassVar[str] = "dice_roll_ready"
    roll: int


class RollKept(Payload):
    """Nobody threw again in time."""

    kind: ClassVar[str] = "dice_roll_kept"
    roll: int


async def begin(account_id: int, sides: int, note: str) -> int:
    """Note what is to be thrown and return its id."""
    found = await row(
        "INSERT INTO dice.rolls (account_id, sides, note) VALUES ($1, $2, $3) RETURNING id", account_id, sides, note
    )
    assert found is not None
    return found["id"]


async def get(account_id: int, roll_id: int) -> dict[str, object]:
    """Return a roll of the account. Raises `NotFound`."""
    found = await row("SELECT * FROM dice.rolls WHERE account_id = $1 AND id = $2", account_id, roll_id)
    if found is None:
        raise NotFound("dice.unknown")
    return found


async def settle(roll_id: int, result: int, text: str) -> None:
    """Keep what was thrown."""
    await rows("UPDATE dice.rolls SET result = $2, text = $3 WHERE id = $1", roll_id, result, text)


async def give_note(account_id: int, roll_id: int, note: str) -> None:
    """Change the note of a roll."""
    await rows("UPDATE dice.rolls SET note = $3 WHERE account_id = $1 AND id = $2", account_id, roll_id, note)


async def luck(account_id: int) -> str:
    """Return how lucky an account feels, "" as always."""
    found = await row("SELECT feels FROM dice.luck WHERE account_id = $1", account_id)
    return "" if found is None else str(found["feels"])


async def set_luck(account_id: int, feels: str) -> None:
    """Store how lucky an account feels."""
    await rows(
        "INSERT INTO dice.luck (account_id, feels) VALUES ($1, $2) "
        "ON CONFLICT (account_id) DO UPDATE SET feels = excluded.feels",
        account_id, feels,
    )  # fmt: skip


async def set_job(roll_id: int, job_id: int) -> None:
    """Remember the job that waits for another throw."""
    await rows("UPDATE dice.rolls SET job_id = $2 WHERE id = $1", roll_id, job_id)


async def abandon(job: Job, parameters: DiceRoll, failure: Failure) -> Payload | None:
    """Forget what was to be thrown."""
    del job
    await rows("DELETE FROM dice.rolls WHERE id = $1 AND result IS NULL", parameters.roll)
    return Notice(key=failure.key, values=failure.values)


JOB_TYPE: Final = JobType(DiceRoll, abandon)
