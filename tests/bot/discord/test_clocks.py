"""Discord's own clock counts: a machine whose clock is wrong does not send an answer twice."""

import time

import pytest

from bot.events import Destination
from bot.platforms.base import Delivery
from bot.platforms.discord.responses import EPOCH_MS, asked_at


async def _nothing(message_id: str) -> None:
    del message_id


def _delivery(key: str, age: float) -> Delivery:
    return Delivery(
        id=1, event_key=key, kind="notice", destination=Destination(chat_id="1", user_id="2", kind="dm"),
        record=_nothing, opened=_nothing, age=age,
    )  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "m"])
def test_an_answer_is_looked_for_since_its_event_by_discords_clock(prefix: str):
    sent = 1_700_000_000.25
    snowflake = int(sent * 1000 - EPOCH_MS) << 22
    assert asked_at(_delivery(f"discord:{prefix}{snowflake}", 5.0)) == sent


def test_what_answers_no_event_goes_by_its_age():
    assert asked_at(_delivery("job:7", 60.0)) == pytest.approx(time.time() - 60, abs=30)
