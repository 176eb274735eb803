"""`/ask`: a question to the model alone becomes a job; where there is no model, that is said with what to set."""

from bot import locales
from bot.text.cleaning import clean
from db import heartbeats
from db.heartbeats import Heartbeat
from db.models import JobRow
from tests.bot.test_memory_command import told_by
from tests.bot.world import Bot, command, event_of


async def beats(*models: str) -> None:
    await heartbeats.beat(Heartbeat("w1", "here", ["cpu"], list(models), [], 0, 4))


async def test_a_question_becomes_a_job_without_a_persona(bot: Bot):
    await bot.does(command("ask: why is the sea salt?"))
    job = await JobRow.get()
    assert (job.type, job.parameters["question"], job.message_id) == ("ask_model", "why is the sea salt?", None)
    blank = await bot.answer(await bot.does(command("ask", question="  ")))
    assert blank.asks is not None, "it is asked for again"
    refused = await told_by(bot, event_of(command("ask: write csam")))
    assert "csam" not in refused
    assert await JobRow.all().count() == 1


async def test_without_a_model_it_says_so_and_what_to_set(bot: Bot):
    await beats()
    said = await told_by(bot, event_of(command("ask: why is the sea salt?")))
    assert said == clean(locales.text("ask.no_model"))
    assert "STORYFORK_REMOTE_BASE_URL" in said
    assert await JobRow.all().count() == 0
    await beats("tiny")
    await bot.does(command("ask: why is the sea salt?"))
    assert await JobRow.all().count() == 1
