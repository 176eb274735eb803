import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.engines.control import RequestControl
from workers.engines.errors import GenerationCancelled, GenerationTimedOut
from workers.engines.text.stop_strings import StopStrings


async def test_a_result_passes() -> None:
    control = RequestControl(1)
    assert await control.wait(asyncio.sleep(0, "done")) == "done"


async def test_an_error_passes() -> None:
    async def fail() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await RequestControl(None).wait(fail())


@pytest.mark.parametrize("how", ["deadline", "cancel", "caller"])
async def test_what_is_waited_for_is_cancelled(how: str) -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    control = RequestControl(0.05 if how == "deadline" else None)
    task = asyncio.create_task(control.wait(work()))
    await asyncio.sleep(0.01)
    if how == "cancel":
        control.cancel()
    if how == "caller":
        task.cancel()
    expected = {"deadline": GenerationTimedOut, "cancel": GenerationCancelled, "caller": asyncio.CancelledError}[how]
    with pytest.raises(expected):
        await task
    assert ended.is_set()


@given(
    st.text(alphabet="abc", max_size=40),
    st.lists(st.text(alphabet="abc", min_size=1, max_size=4), max_size=3),
    st.data(),
)
def test_stop_strings_cut_like_on_the_whole_text(text: str, stop: list[str], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    filtered = StopStrings(stop)
    shown = ""
    for piece in pieces:
        shown += filtered.push(piece)
        if filtered.stopped:
            break
    shown += filtered.flush()
    hits = [text.find(one) for one in stop if one in text]
    assert filtered.stopped == bool(hits)
    if hits:
        # A stop string that is complete may begin a little after one that would only be complete later.
        assert not any(one in shown for one in stop)
        assert text.startswith(shown)
    else:
        assert shown == text
