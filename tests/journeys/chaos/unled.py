"""The bot without its two guards of sent messages, as the control of the crash test.

    python -m tests.journeys.chaos.unled bot --platform telegram

Every process leads, and progress is shown whether or not an answer was written.
"""

from typing import Any

import bot.progress
from bot.__main__ import main
from db.leaders import LeaderConnection, Standing
from db.progress import ProgressPlace
from db.records import fetch_one

_PLACE = """
SELECT c.platform, j.destination, coalesce(p.message_ids ->> 0, '') AS placeholder, '' AS language
FROM jobs j JOIN conversations c ON c.id = j.conversation_id
    LEFT JOIN outbox p ON p.event_key = j.event_key AND p.part = 'placeholder'
WHERE j.id = $1 AND j.event_key = $2 AND j.destination IS NOT NULL"""


async def _always(self: LeaderConnection, name: str, holder: str, **_: Any) -> Standing:
    del self, name
    return Standing(holder, 1)


async def _anywhere(job_id: int, event_key: str) -> ProgressPlace | None:
    return await fetch_one(ProgressPlace, _PLACE, job_id, event_key)


async def _at_once(self: bot.progress.ProgressBoard, event_key: str) -> None:
    del self, event_key


if __name__ == "__main__":
    LeaderConnection.stand = _always  # type: ignore[method-assign]
    bot.progress.ProgressBoard.end = _at_once  # type: ignore[method-assign]
    # The default of a parameter: replaced where it is kept.
    defaults = bot.progress.ProgressBoard.__init__.__kwdefaults__
    assert defaults is not None
    defaults["place"] = _anywhere
    main()
