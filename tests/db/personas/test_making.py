"""Personas that people make: who sees and changes them, what can be taken back, what a deletion leaves."""

import pytest

from db import chats, personas
from db.connection import row, rows
from db.errors import LimitReached, NotAllowed, NotFound
from db.people import Who
from db.personas import Persona, making
from tests.db.world import somebody

CARD = {"name": "Mira", "tagline": "Repairs clocks", "personality": ["calm"]}


async def made(who: Who, **options: object) -> Persona:
    return await personas.create(who.account.id, who.user.id, CARD, **({"verdict": "checked"} | options))  # type: ignore[arg-type]


async def names(who: Who, **options: object) -> list[str]:
    return [p.name for p in await personas.known(who.account.id, who.user.id, **options)]  # type: ignore[arg-type]


async def test_who_sees_a_persona(database: str):
    ann, at_home = await somebody("ann", chat="club", kind="group"), await somebody("ann")
    ben, eve = await somebody("ben", chat="club", kind="group"), await somebody("eve")
    mira = await made(ann, visibility="owner")
    assert [await names(who) for who in (ann, at_home, ben, eve)] == [["Mira"], ["Mira"], [], []]
    await personas.show_to(ann.account.id, ann.user.id, mira.id, "place")
    assert [await names(who) for who in (ann, at_home, ben, eve)] == [["Mira"], ["Mira"], ["Mira"], []]
    await personas.show_to(ann.account.id, ann.user.id, mira.id, "service")
    assert await names(eve) == ["Mira"]
    await rows("UPDATE personas SET verdict = 'unchecked'")
    assert [await names(who) for who in (ann, ben, eve)] == [["Mira"], [], []]


async def test_what_is_for_adults_is_left_out(database: str):
    ann = await somebody()
    await personas.create(ann.account.id, ann.user.id, {**CARD, "rating": "nsfw"})
    assert (await names(ann), await names(ann, adults=False)) == (["Mira"], [])


async def test_a_change_is_taken_back(database: str):
    ann = await somebody()
    mira = await made(ann)
    at = (ann.account.id, ann.user.id, mira.id)
    assert (await personas.edit(*at, {"tagline": "Repairs watches"}, verdict="checked")).revision == 2
    changed = await personas.edit(*at, {"name": "Mirabel", "tagline": "", "personality": []})
    assert (changed.name, changed.card, changed.verdict) == ("Mirabel", {"name": "Mirabel"}, "unchecked")
    assert await personas.revisions(*at) == 2
    back = await personas.undo(*at)
    assert (back.name, back.card["tagline"], back.verdict) == ("Mira", "Repairs watches", "checked")
    assert (await personas.undo(*at)).card == CARD
    with pytest.raises(NotFound, match="nothing_to_undo"):
        await personas.undo(*at)
    assert (await personas.edit(*at, {"tagline": CARD["tagline"]})).revision == back.revision + 1, "nothing changed"


async def test_only_so_many_changes_are_kept(database: str):
    ann = await somebody()
    at = (ann.account.id, ann.user.id, (await made(ann)).id)
    for n in range(making.KEPT_REVISIONS + 3):
        await personas.edit(*at, {"tagline": f"number {n}"})
    assert await personas.revisions(*at) == making.KEPT_REVISIONS


async def test_only_the_maker_and_who_moderates_change_it(database: str):
    ann, ben = await somebody("ann", chat="club", kind="group"), await somebody("ben", chat="club", kind="group")
    mira = await made(ann)
    at = (ben.account.id, ben.user.id, mira.id)
    with pytest.raises(NotAllowed, match="not_yours"):
        await personas.edit(*at, {"tagline": "Ben's"})
    changed = await personas.edit(*at, {"tagline": "Ben's"}, moderate=True, verdict="checked")
    assert changed.card["tagline"] == "Ben's"
    with pytest.raises(NotAllowed, match="not_yours"):
        await personas.share(*at)
    await personas.sync_shipped([{"key": "vex", "name": "Vex"}])
    vex = await personas.named(ben.account.id, "vex")
    with pytest.raises(NotAllowed, match="ships"):
        await personas.remove(ben.account.id, ben.user.id, vex.id, moderate=True)


async def test_a_deleted_persona_leaves_its_chats(database: str):
    ann = await somebody()
    mira = await made(ann)
    at = (ann.account.id, ann.user.id, mira.id)
    await personas.use(ann.conversation.id, mira.id)
    turn = await chats.say(ann.conversation, mira, ann.user.id, "Hello")
    await chats.attach_reply(turn.reply.id, "Good evening")
    await personas.share(*at)
    await personas.remove(*at)
    assert await names(ann) == []
    found = await chats.get(ann.account.id, turn.reply.id)
    assert found is not None
    assert (found[0].text, found[1].name) == ("Good evening", "Mira")
    assert await row("SELECT persona_id, (SELECT share_code FROM personas) AS code FROM conversations") == {
        "persona_id": None, "code": None,
    }  # fmt: skip
    with pytest.raises(NotFound):
        await personas.edit(*at, {"tagline": "x"})
    await personas.restore(*at)
    assert await names(ann) == ["Mira"]


async def test_a_code_is_good_until_it_is_taken_back(database: str):
    ann, eve = await somebody("ann"), await somebody("eve")
    mira = await made(ann, visibility="owner")
    at = (ann.account.id, ann.user.id, mira.id)
    code = await personas.share(*at)
    assert await personas.share(*at) == code
    theirs = await personas.copy(eve.account.id, eve.user.id, await personas.shared(code))
    assert (theirs.owner_id, theirs.card, theirs.source) == (eve.user.id, CARD, "copied")
    await personas.unshare(*at)
    with pytest.raises(NotFound, match="link_gone"):
        await personas.shared(code)
    assert await names(eve) == ["Mira"], "what was copied stays"


async def test_the_persona_of_another_place_is_copied_once(database: str):
    ann, club = await somebody("ann"), await somebody("ann", chat="club", kind="group")
    mira = await made(ann)
    assert await personas.adopt(ann.account.id, ann.user.id, mira) == mira
    there = await personas.adopt(club.account.id, club.user.id, mira)
    assert (there.account_id, there.visibility) == (club.account.id, "owner")
    await personas.edit(ann.account.id, ann.user.id, mira.id, {"tagline": "Repairs bells"}, verdict="checked")
    now = await personas.seen(ann.account.id, ann.user.id, mira.id)
    again = await personas.adopt(club.account.id, club.user.id, now)
    assert (again.id, again.card["tagline"]) == (there.id, "Repairs bells"), "a copy that nobody changed follows"


async def test_what_is_large_is_stored_apart(database: str):
    ann = await somebody()
    mira = await personas.create(ann.account.id, ann.user.id, {**CARD, "source": {"spec": "chara_card_v2"}})
    assert mira.card == CARD
    assert await personas.whole_card(ann.account.id, ann.user.id, mira.id) == {
        **CARD, "source": {"spec": "chara_card_v2"},
    }  # fmt: skip


async def test_an_account_holds_so_many(database: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(making, "MAX_PERSONAS", 1)
    ann = await somebody()
    await made(ann)
    with pytest.raises(LimitReached, match=r"persona\.full"):
        await made(ann)
