"""What an account has chosen."""

from db import accounts
from db.models import AccountRow
from tests.db.world import somebody


async def test_the_model_of_an_account_is_its_own(database: str):
    ann, den = await somebody("ann"), await somebody("ann", chat="den", kind="group")
    assert await accounts.chosen_model(ann.account.id) == ""
    await accounts.choose_model(ann.account.id, "small")
    await accounts.choose_model(ann.account.id, "Big “7B”")
    assert await accounts.chosen_model(ann.account.id) == "Big “7B”"
    assert await accounts.chosen_model(den.account.id) == ""
    await accounts.choose_model(ann.account.id, "")
    assert await accounts.chosen_model(ann.account.id) == ""


async def test_other_settings_stay(database: str):
    ann = await somebody()
    await accounts.set_rating(ann.account.id, "suggestive")
    await accounts.choose_model(ann.account.id, "big")
    assert (await AccountRow.get(id=ann.account.id)).settings == {"rating": "suggestive", "text_model": "big"}


async def test_nobody_and_nonsense_chose_nothing(database: str):
    ann = await somebody()
    assert await accounts.chosen_model(None) == ""
    assert await accounts.chosen_model(ann.account.id + 1) == ""
    await AccountRow.filter(id=ann.account.id).update(settings={"text_model": 7})
    assert await accounts.chosen_model(ann.account.id) == ""
