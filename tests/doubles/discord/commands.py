"""What Discord accepts as application commands."""

from typing import Any, Final

from tests.doubles.discord import rules
from tests.doubles.discord.errors import Form
from tests.doubles.discord.rules import Json

SUBCOMMAND, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(1, 12)
CHAT_INPUT, USER_MENU, MESSAGE_MENU = 1, 2, 3
Path = tuple[str | int, ...]
PARAMETERS: Final = tuple(range(STRING, ATTACHMENT + 1))


def check(commands: Any) -> list[Json]:
    """Check a list of commands that replaces those registered.

    Raises:
        ApiError: 50035 with the tree of what is wrong.
    """
    form = Form()
    found = [c for c in form.items((), commands, sum(rules.COMMANDS.values()), required=True) if isinstance(c, dict)]
    seen: set[tuple[int, str]] = set()
    for index, command in enumerate(found):
        check_command(form, (index,), command)
        kind, name = int(command.get("type") or CHAT_INPUT), str(command.get("name"))
        if (kind, name) in seen:
            form.error(
                (index, "name"), "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique"
            )
        seen.add((kind, name))
    for kind, maximum in rules.COMMANDS.items():
        if sum(1 for found_kind, _ in seen if found_kind == kind) > maximum:
            form.error(
                (), "APPLICATION_COMMAND_TOO_MANY", f"Maximum number of application commands reached ({maximum})"
            )
    form.finish()
    return found


def check_command(form: Form, path: Path, command: Json) -> None:
    """Check one command."""
    kind = command.get("type") or CHAT_INPUT
    if kind not in rules.COMMANDS:
        form.error((*path, "type"), "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3).")
        return
    description = command.get("description")
    if kind == CHAT_INPUT:
        _check_name(form, path, command)
        form.text((*path, "description"), description, rules.COMMAND_DESCRIPTION, minimum=1, required=True)
        _check_localizations(form, path, command)
        _check_options(form, path, command, depth=0)
    else:
        form.text((*path, "name"), command.get("name"), rules.COMMAND_NAME, minimum=1, required=True)
        if description:
            form.error(
                (*path, "description"),
                "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION_INVALID",
                "Context menu commands cannot have description",
            )
        if command.get("options"):
            form.error(
                (*path, "options"),
                "APPLICATION_COMMAND_CONTEXT_MENU_OPTIONS_INVALID",
                "Context menu commands cannot have options",
            )
    if _total(command) > rules.COMMAND_TOTAL:
        form.error(path, "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({rules.COMMAND_TOTAL})")
    for key, allowed in (("contexts", (0, 1, 2)), ("integration_types", (0, 1))):
        values = command.get(key)
        if values is not None:
            for index, value in enumerate(form.items((*path, key), values, len(allowed), minimum=1)):
                if value not in allowed:
                    form.error((*path, key, index), "BASE_TYPE_CHOICES", f"Value must be one of {allowed}.")


def _check_name(form: Form, path: Path, holder: Json) -> None:
    name = holder.get("name")
    text = form.text((*path, "name"), name, rules.COMMAND_NAME, minimum=1, required=True)
    if text and len(text) <= rules.COMMAND_NAME and not _name_ok(text):
        form.error((*path, "name"), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    for locale, translated in (holder.get("name_localizations") or {}).items():
        if not _name_ok(str(translated)):
            form.error(
                (*path, "name_localizations", locale), "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid"
            )


def _check_localizations(form: Form, path: Path, holder: Json) -> None:
    for locale, translated in (holder.get("description_localizations") or {}).items():
        form.text((*path, "description_localizations", locale), translated, rules.COMMAND_DESCRIPTION, minimum=1)


def _name_ok(name: str) -> bool:
    return rules.COMMAND_NAME_PATTERN.fullmatch(name) is not None and name == name.lower()


def _check_options(form: Form, path: Path, holder: Json, *, depth: int) -> None:
    options = form.items((*path, "options"), holder.get("options"), rules.COMMAND_OPTIONS)
    if depth == 0:
        allowed = (SUBCOMMAND, GROUP, *PARAMETERS)
    elif holder.get("type") == GROUP:
        allowed = (SUBCOMMAND,)
    else:
        allowed = PARAMETERS
    names: set[str] = set()
    optional_seen = False
    kinds: set[bool] = set()
    for index, option in enumerate(options):
        where: Path = (*path, "options", index)
        kind: Any = option.get("type") if isinstance(option, dict) else None
        if kind not in allowed:
            form.error((*where, "type"), "UNION_TYPE_CHOICES", f'Value of field "type" must be one of {allowed}.')
            continue
        kinds.add(kind in (SUBCOMMAND, GROUP))
        _check_name(form, where, option)
        form.text(
            (*where, "description"), option.get("description"), rules.COMMAND_DESCRIPTION, minimum=1, required=True
        )
        _check_localizations(form, where, option)
        name = str(option.get("name"))
        if name in names:
            form.error((*where, "name"), "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATE", "Option names must be unique")
        names.add(name)
        if kind in (SUBCOMMAND, GROUP):
            _check_options(form, where, option, depth=depth + 1)
            if kind == GROUP and not option.get("options"):
                form.error((*where, "options"), "BASE_TYPE_REQUIRED", "This field is required")
            continue
        if option.get("required") and optional_seen:
            form.error(
                where,
                "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                "Required options must be placed before non-required options",
            )
        optional_seen = optional_seen or not option.get("required")
        _check_parameter(form, where, option, int(kind))
    if len(kinds) > 1:
        form.error(
            (*path, "options"),
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
            "Sub-command and sub-command group option types are mutually exclusive to all other types",
        )


def _check_parameter(form: Form, path: Path, option: Json, kind: int) -> None:
    choices = form.items((*path, "choices"), option.get("choices"), rules.COMMAND_CHOICES)
    if (choices or option.get("autocomplete")) and kind not in (STRING, INTEGER, NUMBER):
        form.error(path, "APPLICATION_COMMAND_OPTIONS_CHOICES_INVALID", "Only string and number options have choices")
    if choices and option.get("autocomplete"):
        form.error(
            path, "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_WITH_CHOICES", "Autocomplete cannot be used with choices"
        )
    check_choices(form, (*path, "choices"), choices, kind)
    for key, low in (("min_length", 0), ("max_length", 1)):
        value = option.get(key)
        if value is not None and (kind != STRING or value not in range(low, rules.STRING_OPTION + 1)):
            form.error((*path, key), "NUMBER_TYPE_MAX", f"Must be between {low} and {rules.STRING_OPTION}.")


def check_choices(form: Form, path: Path, choices: list[Any], kind: int) -> None:
    """Check the choices of an option or of an autocomplete answer."""
    names: set[str] = set()
    for index, choice in enumerate(choices):
        where: Path = (*path, index)
        if not isinstance(choice, dict):
            form.error(where, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            continue
        name = form.text((*where, "name"), choice.get("name"), rules.CHOICE_TEXT, minimum=1, required=True)
        value = choice.get("value")
        if kind == STRING:
            form.text((*where, "value"), value, rules.CHOICE_TEXT, minimum=1, required=True)
        elif isinstance(value, bool) or not isinstance(value, int | float):
            form.error((*where, "value"), "NUMBER_TYPE_COERCE", "Value is not a number.")
        if name in names:
            form.error(
                (*where, "name"), "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_DUPLICATE", "Choice names must be unique"
            )
        names.add(name)


def _total(holder: Json) -> int:
    """Characters of names, descriptions and values; of localized fields the longest form counts."""
    total = 0
    for key in ("name", "description"):
        forms = [str(holder.get(key) or ""), *(str(v) for v in (holder.get(f"{key}_localizations") or {}).values())]
        total += max(len(form) for form in forms)
    total += sum(_total(option) for option in holder.get("options") or [] if isinstance(option, dict))
    for choice in holder.get("choices") or []:
        if isinstance(choice, dict):
            total += _total(choice) + (len(choice["value"]) if isinstance(choice.get("value"), str) else 0)
    return total
