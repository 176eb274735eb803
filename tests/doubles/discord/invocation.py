"""A slash command as a person types it, checked against what the bot has registered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.doubles.discord import commands, rules
from tests.doubles.discord.places import Channel, User
from tests.doubles.discord.rules import Json


@dataclass(frozen=True, slots=True)
class Attached:
    """A file that a person attaches to a command; ``url`` is where Discord serves it."""

    id: int
    filename: str
    url: str
    size: int
    content_type: str = "image/png"

    def payload(self) -> Json:
        """The attachment object of the API."""
        return {
            "id": str(self.id), "filename": self.filename, "size": self.size, "url": self.url, "proxy_url": self.url,
            "content_type": self.content_type,
        }  # fmt: skip


class Refused(Exception):
    """Discord's client does not let the person do this."""


def find(registered: list[Json], kind: int, name: str) -> Json:
    """The registered command of a kind by its name."""
    for command in registered:
        if int(command.get("type") or commands.CHAT_INPUT) == kind and command["name"] == name:
            return command
    raise Refused(f"no such command: {name}; there are {sorted(c['name'] for c in registered)}")


def check_place(command: Json, channel: Channel, user: User) -> None:
    """Check that a command can be used in a channel by a user."""
    contexts = command.get("contexts")
    here = channel.context
    if contexts is not None and here not in contexts:
        raise Refused(f"/{command['name']} cannot be used here (contexts {contexts})")
    if contexts is None and here == 1 and command.get("dm_permission") is False:
        raise Refused(f"/{command['name']} cannot be used in direct messages")
    needed = command.get("default_member_permissions")
    if needed is not None and channel.guild is not None:
        bits = int(needed)
        held = channel.guild.permissions(user)
        if held != rules.ALL_PERMISSIONS and (bits == 0 or held & bits != bits):
            raise Refused(f"{user.name} may not use /{command['name']}")


def build(
    registered: list[Json],
    text: str,
    given: Mapping[str, Any],
    channel: Channel,
    user: User,
    *,
    focused: str | None = None,
) -> Json:
    """The ``data`` of the interaction for ``text`` ("story new") with the options ``given``.

    With ``focused`` the option of that name is being typed: nothing is required yet, and it must offer autocomplete.

    Raises:
        Refused: unknown command or option, missing option, wrong type, length or choice.
    """
    words = text.removeprefix("/").split()
    command = find(registered, commands.CHAT_INPUT, words[0])
    check_place(command, channel, user)
    chain: list[Json] = []
    schema = command
    for word in words[1:]:
        schema = _step(schema, word, text)
        chain.append(schema)
    options: list[Json] = schema.get("options") or []
    if any(o["type"] in (commands.SUBCOMMAND, commands.GROUP) for o in options):
        raise Refused(f"/{text} is not complete; it goes on with {[o['name'] for o in options]}")
    resolved: Json = {}
    built = _options(options, given, resolved, f"/{text}", focused)
    for level in reversed(chain):
        built = [{"type": level["type"], "name": level["name"], "options": built}]
    data: Json = {"id": command["id"], "name": command["name"], "type": commands.CHAT_INPUT, "options": built}
    if resolved:
        data["resolved"] = resolved
    return data


def _step(schema: Json, word: str, text: str) -> Json:
    for option in schema.get("options") or []:
        if option["name"] == word and option["type"] in (commands.SUBCOMMAND, commands.GROUP):
            return option
    raise Refused(f"no such command: /{text}")


def _options(
    schema: list[Json], given: Mapping[str, Any], resolved: Json, command: str, focused: str | None
) -> list[Json]:
    by_name = {option["name"]: option for option in schema}
    unknown = set(given) - set(by_name)
    if unknown:
        raise Refused(f"{command} has no option {sorted(unknown)}; it has {sorted(by_name)}")
    if focused is not None and not (by_name.get(focused) or {}).get("autocomplete"):
        raise Refused(f"{command}: {focused} offers no suggestions")
    missing = [o["name"] for o in schema if o.get("required") and o["name"] not in given]
    if missing and focused is None:
        raise Refused(f"{command} requires {missing}")
    built: list[Json] = []
    for option in schema:
        if option["name"] not in given:
            continue
        entry: Json = {"type": option["type"], "name": option["name"]}
        if option["name"] == focused:
            entry |= {"value": given[option["name"]], "focused": True}
        else:
            entry["value"] = _value(option, given[option["name"]], resolved, f"{command} {option['name']}")
        built.append(entry)
    return built


def _value(option: Json, value: Any, resolved: Json, where: str) -> Any:
    kind = option["type"]
    choices: list[Json] = option.get("choices") or []
    if choices:
        for choice in choices:
            if value in (choice["value"], choice["name"]):
                return choice["value"]
        raise Refused(f"{where}: {value!r} is not one of {[c['name'] for c in choices]}")
    if kind == commands.STRING:
        return _string(option, value, where)
    if kind == commands.BOOLEAN and isinstance(value, bool):
        return value
    if kind in (commands.INTEGER, commands.NUMBER) and not isinstance(value, bool):
        return _number(option, value, where)
    if kind in (commands.USER, commands.MENTIONABLE):
        user = value if isinstance(value, User) else getattr(value, "user", None)
        if isinstance(user, User):
            resolved.setdefault("users", {})[str(user.id)] = user.payload()
            return str(user.id)
    if kind == commands.CHANNEL and isinstance(value, Channel):
        resolved.setdefault("channels", {})[str(value.id)] = value.payload() | {"permissions": str(rules.EVERYONE)}
        return str(value.id)
    if kind == commands.ATTACHMENT and isinstance(value, Attached):
        resolved.setdefault("attachments", {})[str(value.id)] = value.payload()
        return str(value.id)
    raise Refused(f"{where}: {value!r} does not fit an option of type {kind}")


def _string(option: Json, value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise Refused(f"{where}: {value!r} is no text")
    low = int(option.get("min_length") or 0)
    high = int(option.get("max_length") or rules.STRING_OPTION)
    if not low <= len(value) <= high or not value:
        raise Refused(f"{where}: {len(value)} characters; allowed are {max(low, 1)} to {high}")
    return value


def _number(option: Json, value: Any, where: str) -> int | float:
    allowed = int if option["type"] == commands.INTEGER else (int, float)
    if not isinstance(value, allowed):
        raise Refused(f"{where}: {value!r} is no such number")
    low, high = option.get("min_value"), option.get("max_value")
    if (low is not None and value < low) or (high is not None and value > high):
        raise Refused(f"{where}: {value} is not between {low} and {high}")
    return value
