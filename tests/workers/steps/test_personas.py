"""Personas that a model writes: made up and kept, written about and changed; with a refusal of what people write."""

from db import jobs, personas
from db.models import JobRow, OutboxRow
from db.people import Who
from db.personas import PersonaCard
from db.personas.judging import JudgePersona
from db.personas.writing import MakeUpPersona, RewritePersonaJob
from db.work import JobParameters
from tests.db.test_memories import ann
from tests.workers.making import run_by
from workers.runner import Runner
from workers.services import Services

__all__ = ["ann"]


async def done(services: Services, who: Who, parameters: JobParameters) -> OutboxRow | None:
    """What somebody is answered to a job."""
    job_id = await jobs.add(
        parameters,
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key=f"console:persona{await JobRow.all().count()}",
        destination={"chat_id": "c"},
    )
    await run_by(Runner(services, 4), job_id)
    return await OutboxRow.all().order_by("-id").first()


async def test_somebody_is_made_up_and_kept(services: Services, ann: Who) -> None:
    answer = await done(services, ann, MakeUpPersona(hint="a baker who sings", name="Bo", allowance="suggestive"))
    assert answer is not None
    assert (answer.kind, answer.payload["done"]) == ("persona_shown", "persona.generated")
    made = await personas.seen(ann.account.id, ann.user.id, answer.payload["persona"])
    card = PersonaCard.model_validate(made.card)
    assert (made.name, made.source, made.verdict, card.rating) == ("Bo", "generated", "checked", "suggestive")
    assert card.greeting
    assert len(card.personality) > 2
    other = await done(services, ann, MakeUpPersona(hint="a baker who sings"))
    assert other is not None
    assert (await personas.seen(ann.account.id, ann.user.id, other.payload["persona"])).name != "Bo"


async def test_what_is_missing_is_written_and_can_be_taken_back(services: Services, ann: Who) -> None:
    at = (ann.account.id, ann.user.id)
    card = {"name": "Mira", "description": "A clockmaker.", "greeting": "Mind the springs."}
    mira = await personas.create(*at, card, verdict="checked")
    answer = await done(services, ann, RewritePersonaJob(persona=mira.id, task="expand"))
    assert answer is not None
    assert (answer.kind, answer.payload["page"]) == ("persona_shown", "edit")
    now = await personas.seen(*at, mira.id)
    assert {"personality", "speaking_style", "appearance"} <= now.card.keys()
    assert (now.card["greeting"], now.card["description"]) == ("Mind the springs.", "A clockmaker.")
    await done(services, ann, RewritePersonaJob(persona=mira.id, task="bio"))
    assert (await personas.seen(*at, mira.id)).card["description"] not in ("A clockmaker.", "")
    await personas.undo(*at, mira.id)
    assert (await personas.undo(*at, mira.id)).card == card


async def test_what_is_complete_stays_as_it_is(services: Services, ann: Who) -> None:
    whole = dict.fromkeys(("name", "tagline", "description", "appearance", "preferences"), "said")
    whole |= dict.fromkeys(("speaking_style", "scenario", "greeting"), "said")
    card = {**whole, "personality": ["calm"], "interests": ["clocks"]}
    mira = await personas.create(ann.account.id, ann.user.id, card, verdict="checked")
    answer = await done(services, ann, RewritePersonaJob(persona=mira.id, task="expand"))
    assert answer is not None
    assert answer.payload["key"] == "persona.nothing_to_add"


async def test_a_persona_is_judged_before_others_see_it(services: Services, ann: Who) -> None:
    at = (ann.account.id, ann.user.id)
    good = await personas.create(*at, {"name": "Mira", "description": "A clockmaker."})
    await done(services, ann, JudgePersona(persona=good.id))
    assert (await personas.seen(*at, good.id)).verdict == "checked"
    bad = await personas.create(*at, {"name": "Mira", "description": "She has sex on every page."})
    answer = await done(services, ann, JudgePersona(persona=bad.id))
    assert (await personas.seen(*at, bad.id)).verdict == "refused"
    assert answer is not None
    assert answer.payload["key"] == "moderation.refused_rating"
