"""Messages of roles and permissions."""

from typing import Final, cast

from bot.messages import Message, Table
from bot.views.base import ViewContext, ViewSpec
from db import accounts, people
from db.payloads.permissions import PermissionTable, RoleMapping
from db.permissions import PERMISSIONS, Role, Rules

SHOWN: Final = 20
"""Maximum number of lines about other channels, and about mapped roles."""


async def table(view: ViewContext, payload: PermissionTable) -> Message:
    """Compose who may what here and why; of a person or a role, what they may."""
    rules = Rules.read(await accounts.settings_of(payload.account))
    role = cast("Role", payload.role)
    lines: list[tuple[str, ...]] = []
    for permission in PERMISSIONS:
        made = rules.decide(role, permission, payload.channels)
        why = view.words(f"permission.by_{made.reason}" if made.reason != "owner" else "permission.by_default")
        answer = made.lowest if payload.table else view.words("permission.yes" if made.allowed else "permission.no")
        lines.append((permission, answer, why))
    second = view.words("permission.column_from" if payload.table else "permission.column_may")
    columns = (view.words("permission.column_what"), second, view.words("permission.column_why"))
    head = await _head(view, payload, rules)
    if payload.table:
        head += ["", view.words("permission.explained")]
    return Message(
        "\n".join(head),
        title=view.words("permission.title"),
        table=Table(columns, tuple(lines)),
        footer="" if payload.table else view.words("permission.footer"),
        private=True,
    )


async def _head(view: ViewContext, payload: PermissionTable, rules: Rules) -> list[str]:
    values = {"role": payload.role, "given": payload.given}
    mapped = bool(payload.given) and payload.given != payload.role
    if payload.me:
        head = [view.words("permission.you_mapped" if mapped else "permission.you", **values)]
    elif payload.user is not None:
        person = await people.user(payload.user)
        name = "" if person is None else person.name
        head = [view.words("permission.they_mapped" if mapped else "permission.they", name=name, **values)]
    else:
        head = [view.words("permission.a_role", **values)]
    others = [
        view.words("permission.elsewhere", permission=permission, channel=channel, role=lowest)
        for (permission, channel), lowest in rules.lowest.items()
        if channel and channel not in payload.channels
    ]
    return [*head, *others[:SHOWN]]


async def mapping(view: ViewContext, payload: RoleMapping) -> Message:
    """Compose how the platform's roles are mapped."""
    rules = Rules.read(await accounts.settings_of(payload.account))
    known = ("discord", "telegram")
    body = [view.words(f"permission.roles_{view.platform if view.platform in known else 'console'}")]
    for key, role in list(rules.roles.items())[:SHOWN]:
        shown = f"<@&{key}>" if view.platform == "discord" and key.isdigit() else key
        body.append(view.words("permission.role_line", key=shown, role=role))
    body += ["", view.words("permission.roles_explained")]
    return Message("\n".join(body), title=view.words("permission.roles_title"), private=True)


VIEWS: Final = (ViewSpec(PermissionTable, table), ViewSpec(RoleMapping, mapping))
