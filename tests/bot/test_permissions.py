"""Roles and rules of a place: /allow, /deny, /permissions, /roles, and what they decide."""

import pytest

from bot.commands.parsing import read_command
from bot.events import Event, Reaction, UserRef
from bot.messages import Message
from db import audit
from db.permissions import DEFAULTS, PERMISSIONS, ROLES, Role, Rules, at_least
from tests.bot.world import Bot, command, event_of


async def answered(bot: Bot, event: Event) -> Message:
    await bot.router.dispatch(event)
    return await bot.answer(event)


async def told(
    bot: Bot,
    text: str,
    as_: Role = "member",
    *,
    name: str = "",
    channel: str = "",
    keys: tuple[str, ...] = (),
    **values: str,
) -> str:
    """What somebody with a role is told in the group ``den``, or in one of its channels."""
    event = event_of(command(text, **values), name=name or as_, group="den", role=as_)
    event = event.model_copy(update={"user": event.user.model_copy(update={"roles": keys})})
    if channel:
        place = event.conversation.model_copy(update={"chat_id": channel})
        event = event.model_copy(update={"conversation": place})
    return (await answered(bot, event)).body


async def resets(bot: Bot, role: Role, *, channel: str = "", keys: tuple[str, ...] = ()) -> bool:
    """Whether somebody with a role may reset the chat."""
    return "has forgotten" in await told(bot, "chat reset", role, channel=channel, keys=keys)


@pytest.mark.parametrize("role", ROLES)
def test_by_default_a_role_may_what_the_table_says(role: Role):
    rules = Rules.read({})
    for permission in PERMISSIONS:
        made = rules.decide(role, permission)
        assert made.allowed is at_least(role, DEFAULTS[permission])
        assert made.reason == ("owner" if role == "owner" else "default")


def test_the_most_specific_rule_wins():
    rules = Rules.read({"permissions": {"reset": {"": "owner", "7": "guest", "9": "admin"}, "odd": {"": "guest"}}})
    assert rules.decide("guest", "reset", ("7",)).reason == "channel"
    assert rules.decide("guest", "reset", ("8", "7")).allowed  # a thread of the channel
    assert not rules.decide("admin", "reset", ("8",)).allowed
    assert rules.decide("owner", "reset", ("8",)).allowed
    assert not rules.decide("guest", "reset", ("9", "7")).allowed
    assert not rules.decide("guest", "reset").allowed


def test_what_another_release_stored_is_left_out():
    odd = {"permissions": {"reset": "all", "play": {"": "king"}, "chat": {"": "admin"}}, "roles": ["x"]}
    rules = Rules.read(odd)
    assert (dict(rules.lowest), dict(rules.roles)) == ({("chat", ""): "admin"}, {})


async def test_a_refusal_names_the_rule_and_who_can_change_it(bot: Bot):
    refused = await told(bot, "chat reset")
    assert refused == (
        "You may not make the persona forget here: by default that takes a moderator, and you are a member. "
        "An admin of this place can change it: */allow reset member*."
    )
    assert "Nothing to change" not in await told(bot, "allow: reset member", "admin")
    assert await resets(bot, "member")
    await told(bot, "deny: reset moderator here", "admin")
    assert "by a rule of this channel that takes an admin" in await told(bot, "chat reset", "moderator")
    await told(bot, "deny: chat member", "admin")
    assert "by a rule of this channel" in await told(bot, "chat reset", "member")


async def test_a_rule_for_a_channel_holds_there_only(bot: Bot):
    await told(bot, "allow: reset guest <#77>", "admin")
    assert await resets(bot, "guest", channel="77")
    assert not await resets(bot, "guest", channel="78")
    assert "In channel 77: reset from guest." in await told(bot, "permissions", "member")
    assert "Nothing to change" in await told(bot, "allow: reset member <#77>", "admin")
    assert (await told(bot, "permissions", "admin", reset="reset")) == "The default holds again."
    assert not await resets(bot, "guest", channel="77")
    assert "no channel" in await told(bot, "allow: reset guest somewhere", "admin")


async def test_nobody_gives_what_they_lack_nor_rules_about_their_equals(bot: Bot):
    assert "You may not change the settings" in await told(bot, "allow: reset guest")
    assert "decide only about the roles below" in await told(bot, "deny: models admin", "admin")
    assert "no rule changes that" in await told(bot, "deny: play owner", "owner")
    await told(bot, "deny: spend admin", "owner")
    assert "cannot decide about it" in await told(bot, "allow: spend moderator", "admin")
    assert "concerns the owner" in await told(bot, "permissions", "admin", reset="spend")
    assert "concerns the owner" in await told(bot, "permissions", "admin", reset="all")
    # Whoever got the settings decides no further than their own role.
    await told(bot, "allow: settings moderator", "owner")
    assert "decide only about" in await told(bot, "allow: prompts moderator", "moderator")
    assert "concerns an admin" in await told(bot, "roles: 5 admin", "moderator")
    for permission in PERMISSIONS:
        await told(bot, f"deny: {permission} admin", "owner")
    assert await resets(bot, "owner")
    assert "You are the owner here." in await told(bot, "permissions", "owner")


async def test_mapped_roles(bot: Bot):
    assert not await resets(bot, "member", keys=("5",))
    assert "a moderator" in await told(bot, "roles: <@&5> moderator", "admin")
    await told(bot, "roles", "admin", which="Night watch", role="admin")
    await told(bot, "roles: 6 guest", "admin")
    assert await resets(bot, "member", keys=("4", "5"))
    assert "mapped" not in await told(bot, "rating: sfw", "member", keys=("Night watch",))
    assert "You may not have" not in await told(bot, "chat reset", "admin", keys=("6",))
    assert not await resets(bot, "moderator", keys=("5", "6"))  # guests are restricted, but no admin is
    shown = await told(bot, "roles", "admin")
    assert "Night watch: admin" in shown
    assert "5: moderator" in shown
    await told(bot, "roles: 5 default", "admin")
    assert not await resets(bot, "member", keys=("5",))
    await told(bot, "roles: reset", "admin")
    assert "Night watch" not in await told(bot, "roles", "admin")


async def test_a_role_that_nobody_can_have_is_not_mapped(bot: Bot):
    async def maps(text: str, platform: str) -> str:
        event = await bot.does(command(f"roles: {text}"), group="den", role="admin", platform=platform)
        return (await bot.answer(event)).body

    assert "is no role of this server" in await maps("Night watch moderator", "discord")
    assert "Night watch" not in await maps("", "discord")
    assert "is a moderator here now" in await maps("<@&5> moderator", "discord")
    assert "is a moderator here now" in await maps("Night watch moderator", "telegram"), "an administrator's title"


async def test_what_somebody_may_is_shown_with_why(bot: Bot):
    await told(bot, "roles: 5 moderator", "admin")
    await told(bot, "chat reset", name="Ben", keys=("5",))
    shown = await answered(bot, event_of(command("permissions: ben"), name="ann", group="den"))
    assert shown.body.startswith(
        "Ben is a moderator here: a rule of this place makes them that, the platform a member."
    )
    assert shown.table is not None
    rows = {row[0]: row[1:] for row in shown.table.rows}
    assert (rows["reset"], rows["models"]) == (("yes", "default"), ("no", "default"))
    assert list(rows) == list(PERMISSIONS)
    assert max(sum(map(len, row)) + 4 for row in shown.table.rows) <= 40
    assert (await told(bot, "permissions: guest")).startswith("What a guest may here.")
    # Whoever is known elsewhere only is not known here.
    await bot.does(command("status"), name="carl", group="elsewhere")
    for stranger in ("carl", "nobody at all"):
        assert await told(bot, f"permissions: {stranger}") == f"Nobody called “{stranger}” has used the bot here."


async def test_in_ones_own_chat_there_is_nothing_to_rule(bot: Bot):
    for text in ("allow: reset guest", "deny: reset guest", "permissions", "roles"):
        assert (await answered(bot, event_of(command(text)))).body.startswith("In your own chat you may do everything.")


async def test_what_is_asked_for_is_what_may_be_done(bot: Bot):
    """No suggestions, no questions for what one may not do."""
    for role, known in (("member", False), ("admin", True)):
        event = event_of(command("prompt show"), group="den", role=role)  # type: ignore[arg-type]
        assert bool(await bot.router.complete(event, "name", "story")) is known
        event = event_of(command("model"), group="den", role=role)  # type: ignore[arg-type]
        assert bool(await bot.router.complete(event, "name", "")) is known
    assert (await told(bot, "prompt show")).startswith("You may not see and change prompts here")
    await told(bot, "deny: start guest", "admin")
    assert (await told(bot, "story new", "guest")).startswith("You may not start stories here: by a rule of this place")


def test_choices_are_typed_as_words(bot: Bot):
    for typed, read in (
        ("imagine guest", {"permission": "imagine", "role": "guest"}),
        ("Choose for others member <#5>", {"permission": "Choose for others", "role": "member", "channel": "<#5>"}),
        ("reset", {"permission": "reset"}),
    ):
        assert read_command(command(f"allow: {typed}"), bot.topics.commands)[1] == read


async def test_a_permission_that_does_not_exist_is_named_before_anything_is_asked(bot: Bot):
    for typed in ("fly", "fly member"):
        assert f"not “{typed}”" in await told(bot, f"allow: {typed}", "admin")


async def test_every_change_is_noted(bot: Bot):
    for text in ("allow: reset guest", "deny: chat guest", "roles: 5 member", "roles: 5 default", "roles: reset"):
        await told(bot, text, "admin")
    await told(bot, "permissions", "admin", reset="all")
    noted = [(e.action, e.subject) for e in reversed(await audit.entries())]
    assert noted == [
        ("permission_allow", "reset"),
        ("permission_deny", "chat"),
        ("roles_map", "member"),
        ("roles_unmap", ""),
        ("roles_reset", ""),
        ("permission_reset", "all"),
    ]


async def test_what_says_nothing_of_somebodys_role_changes_nothing(bot: Bot):
    await told(bot, "status", "admin", name="Ada")
    event = event_of(Reaction(emoji="👍", message_id="1", added=True), name="Ada", group="den", role="member")
    await bot.router.dispatch(event)
    assert (await told(bot, "permissions: ada")).startswith("Ada is an admin here.")


def test_people_whom_an_earlier_release_stored_keep_their_rights():
    stored = {"external_id": "1", "name": "Ada", "language": ""}
    assert [UserRef.model_validate({**stored, "is_admin": admin}).role for admin in (True, False)] == [
        "admin",
        "member",
    ]


async def test_in_their_own_chat_nobody_is_asked_about_rules(bot: Bot):
    for text in ("allow", "deny: play", "roles", "permissions"):
        answer = await bot.answer(await bot.does(command(text)))
        assert (answer.asks, answer.body) == (
            None,
            "In your own chat you may do everything. Rules are for groups and servers.",
        )


async def test_what_only_the_owner_may_is_refused_with_the_owners_name(bot: Bot):
    await told(bot, "deny: imagine admin", "owner")
    for role in ("member", "admin"):
        refusal = await told(bot, "imagine: a cat", role)
        assert "Only the owner can change it." in refusal
        assert "An admin" not in refusal


async def test_a_role_that_does_not_exist_is_answered_with_an_example(bot: Bot):
    assert "Name a role of this place" in await told(bot, "roles: admins king", "admin")


async def test_the_bare_name_of_the_operators_commands_lists_them_to_nobody_else(bot: Bot):
    answer = await bot.answer(await bot.does(command("operator"), platform="telegram", group="den"))
    assert answer.body == "Only the operators of this bot may do that."
