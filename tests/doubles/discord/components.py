"""What Discord accepts as the components of a message and of a modal."""

from collections.abc import Iterator
from typing import Any

from tests.doubles.discord import rules
from tests.doubles.discord.errors import Form
from tests.doubles.discord.rules import Json

ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
AUTO_SELECTS = (5, 6, 7, 8)
SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER, LABEL = 9, 10, 11, 12, 13, 14, 17, 18
TOP_V2 = (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR, CONTAINER)
Path = tuple[str | int, ...]


def walk(components: list[Any]) -> Iterator[Json]:
    """Every component, depth first, accessories and labelled components included."""
    for component in components:
        if not isinstance(component, dict):
            continue
        found: Json = component
        yield found
        nested: list[Any] = []
        for key in ("components", "accessory", "component"):
            value = found.get(key)
            if isinstance(value, list):
                nested.extend(value)
            elif isinstance(value, dict):
                nested.append(value)
        yield from walk(nested)


def check_message(form: Form, components: Any, *, v2: bool) -> None:
    """Check the ``components`` of a message; ``v2`` says whether it carries the Components V2 flag."""
    path: Path = ("components",)
    top = form.items(path, components, rules.COMPONENTS_V2 if v2 else rules.ROWS)
    for index, component in enumerate(top):
        _check_top(form, (*path, index), component, v2=v2)
    every = list(walk(top))
    if v2 and len(every) > rules.COMPONENTS_V2:
        form.error(path, "BASE_TYPE_MAX_LENGTH", f"Must be {rules.COMPONENTS_V2} or fewer in length.")
    if v2 and sum(len(str(c.get("content") or "")) for c in every if c.get("type") == TEXT) > rules.COMPONENTS_V2_TEXT:
        form.error(
            path,
            "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED",
            f"Total displayable text exceeds the maximum size of {rules.COMPONENTS_V2_TEXT}",
        )
    _check_unique(form, path, every)


def _check_unique(form: Form, path: Path, components: list[Json]) -> None:
    seen: set[str] = set()
    for component in components:
        custom_id = component.get("custom_id")
        if isinstance(custom_id, str):
            if custom_id in seen:
                form.error(
                    path, "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated: " + custom_id
                )
            seen.add(custom_id)


def _kind(form: Form, path: Path, component: Any, allowed: tuple[int, ...]) -> int:
    kind = component.get("type") if isinstance(component, dict) else None  # pyright: ignore[reportUnknownVariableType]
    if kind not in allowed:
        form.error((*path, "type"), "UNION_TYPE_CHOICES", f'Value of field "type" must be one of {allowed}.')
        return 0
    return int(kind)


def _check_top(form: Form, path: Path, component: Any, *, v2: bool) -> None:
    kind = _kind(form, path, component, TOP_V2 if v2 else (ROW,))
    if kind == CONTAINER:
        allowed = tuple(k for k in TOP_V2 if k != CONTAINER)
        children = form.items(
            (*path, "components"), component.get("components"), rules.COMPONENTS_V2, minimum=1, required=True
        )
        for index, child in enumerate(children):
            child_path = (*path, "components", index)
            if child_kind := _kind(form, child_path, child, allowed):
                _check_block(form, child_path, child, child_kind)
    elif kind:
        _check_block(form, path, component, kind)


def _check_block(form: Form, path: Path, component: Json, kind: int) -> None:
    if kind == ROW:
        _check_row(form, path, component)
    elif kind == TEXT:
        _check_text(form, path, component)
    elif kind == SECTION:
        texts = form.items(
            (*path, "components"), component.get("components"), rules.SECTION_TEXTS, minimum=1, required=True
        )
        for index, text in enumerate(texts):
            if _kind(form, (*path, "components", index), text, (TEXT,)):
                _check_text(form, (*path, "components", index), text)
        accessory = component.get("accessory")
        accessory_kind = _kind(form, (*path, "accessory"), accessory, (BUTTON, THUMBNAIL))
        if accessory_kind == BUTTON and isinstance(accessory, dict):
            _check_button(form, (*path, "accessory"), accessory)
        elif accessory_kind == THUMBNAIL and isinstance(accessory, dict):
            _check_media(form, (*path, "accessory"), accessory)
    elif kind == GALLERY:
        items = form.items((*path, "items"), component.get("items"), rules.GALLERY_ITEMS, minimum=1, required=True)
        for index, item in enumerate(items):
            _check_media(form, (*path, "items", index), item)
    elif kind == FILE:
        _check_media(form, path, component, key="file")


def _check_text(form: Form, path: Path, component: Json) -> None:
    form.text((*path, "content"), component.get("content"), rules.COMPONENTS_V2_TEXT, minimum=1, required=True)


def _check_media(form: Form, path: Path, item: Any, *, key: str = "media") -> None:
    media = item.get(key) if isinstance(item, dict) else None  # pyright: ignore[reportUnknownVariableType]
    url = media.get("url") if isinstance(media, dict) else None
    form.text((*path, key, "url"), url, 2048, minimum=1, required=True)
    if isinstance(item, dict):
        form.text((*path, "description"), item.get("description"), rules.ALT_TEXT)


def _check_row(form: Form, path: Path, row: Json) -> None:
    inside: Path = (*path, "components")
    children = form.items(inside, row.get("components"), rules.ROW_BUTTONS, minimum=1, required=True)
    kinds = [
        _kind(form, (*inside, index), child, (BUTTON, STRING_SELECT, *AUTO_SELECTS))
        for index, child in enumerate(children)
    ]
    if any(kind not in (0, BUTTON) for kind in kinds) and len(kinds) > 1:
        form.error(inside, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "Component layout is too wide: a select fills its row")
    for index, (kind, child) in enumerate(zip(kinds, children, strict=True)):
        if kind == BUTTON:
            _check_button(form, (*inside, index), child)
        elif kind:
            _check_select(form, (*inside, index), child)


def _check_button(form: Form, path: Path, button: Json) -> None:
    style = button.get("style")
    form.text((*path, "label"), button.get("label"), rules.LABEL)
    if style not in range(1, 7):
        form.error((*path, "style"), "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4, 5, 6).")
        return
    if style == 5:
        form.text((*path, "url"), button.get("url"), rules.URL, minimum=1, required=True)
        if button.get("custom_id") is not None:
            form.error(path, "BUTTON_COMPONENT_CUSTOM_ID_AND_URL", "A custom id and url cannot both be specified")
    elif style == 6:
        form.text((*path, "sku_id"), button.get("sku_id"), 20, minimum=1, required=True)
        return
    else:
        form.text((*path, "custom_id"), button.get("custom_id"), rules.CUSTOM_ID, minimum=1, required=True)
        if button.get("url") is not None:
            form.error(path, "BUTTON_COMPONENT_CUSTOM_ID_AND_URL", "A custom id and url cannot both be specified")
    if not (button.get("label") or button.get("emoji")):
        form.error((*path, "label"), "BUTTON_COMPONENT_REQUIRES_LABEL_OR_EMOJI", "A label or emoji is required")
    _check_emoji(form, (*path, "emoji"), button.get("emoji"))


def _check_emoji(form: Form, path: Path, emoji: Any) -> None:
    if emoji is None:
        return
    name = emoji.get("name") if isinstance(emoji, dict) else None  # pyright: ignore[reportUnknownVariableType]
    custom = isinstance(emoji, dict) and emoji.get("id") is not None
    if not custom and (not isinstance(name, str) or not name or name.isascii()):
        form.error((*path, "name"), "COMPONENT_INVALID_EMOJI", "Invalid emoji")


def _check_select(form: Form, path: Path, select: Json) -> None:
    form.text((*path, "custom_id"), select.get("custom_id"), rules.CUSTOM_ID, minimum=1, required=True)
    form.text((*path, "placeholder"), select.get("placeholder"), rules.SELECT_PLACEHOLDER)
    maximum = select.get("max_values", 1)
    minimum = select.get("min_values", 1)
    if maximum not in range(1, rules.SELECT_OPTIONS + 1):
        form.error((*path, "max_values"), "NUMBER_TYPE_MAX", "Must be between 1 and 25.")
    if minimum not in range(rules.SELECT_OPTIONS + 1):
        form.error((*path, "min_values"), "NUMBER_TYPE_MIN", "Must be between 0 and 25.")
    if select.get("type") != STRING_SELECT:
        return
    options = form.items((*path, "options"), select.get("options"), rules.SELECT_OPTIONS, minimum=1, required=True)
    values: set[str] = set()
    for index, option in enumerate(options):
        where: Path = (*path, "options", index)
        if not isinstance(option, dict):
            form.error(where, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            continue
        form.text((*where, "label"), option.get("label"), rules.SELECT_TEXT, minimum=1, required=True)
        value = form.text((*where, "value"), option.get("value"), rules.SELECT_TEXT, minimum=1, required=True)
        form.text((*where, "description"), option.get("description"), rules.SELECT_TEXT)
        _check_emoji(form, (*where, "emoji"), option.get("emoji"))
        if value in values:
            form.error(
                (*where, "value"),
                "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED",
                "The specified option value is already used",
            )
        values.add(value)
    if isinstance(maximum, int) and options and maximum > len(options):
        form.error((*path, "max_values"), "SELECT_COMPONENT_MAX_VALUES_TOO_LARGE", "Must not exceed the options")


def check_modal(form: Form, modal: Json) -> None:
    """Check the ``data`` of a modal response (paths start at ``data``)."""
    form.text(("data", "custom_id"), modal.get("custom_id"), rules.CUSTOM_ID, minimum=1, required=True)
    form.text(("data", "title"), modal.get("title"), rules.MODAL_TITLE, minimum=1, required=True)
    path: Path = ("data", "components")
    top = form.items(path, modal.get("components"), rules.MODAL_COMPONENTS, minimum=1, required=True)
    for index, component in enumerate(top):
        where = (*path, index)
        kind = _kind(form, where, component, (ROW, TEXT, LABEL))
        if kind == TEXT:
            _check_text(form, where, component)
        elif kind == LABEL:
            form.text((*where, "label"), component.get("label"), rules.MODAL_LABEL, minimum=1, required=True)
            form.text((*where, "description"), component.get("description"), rules.MODAL_DESCRIPTION, minimum=1)
            _check_field(form, (*where, "component"), component.get("component"), labelled=True)
        elif kind == ROW:
            children = form.items((*where, "components"), component.get("components"), 1, minimum=1, required=True)
            for child in children:
                _check_field(form, (*where, "components", 0), child, labelled=False)
    _check_unique(form, path, list(walk(top)))


def _check_field(form: Form, path: Path, field: Any, *, labelled: bool) -> None:
    allowed = (STRING_SELECT, TEXT_INPUT, *AUTO_SELECTS, 19, 21, 22, 23) if labelled else (TEXT_INPUT,)
    kind = _kind(form, path, field, allowed)
    if kind in (STRING_SELECT, *AUTO_SELECTS):
        _check_select(form, path, field)
    elif kind == TEXT_INPUT:
        form.text((*path, "custom_id"), field.get("custom_id"), rules.CUSTOM_ID, minimum=1, required=True)
        if labelled and field.get("label") is not None:
            form.error((*path, "label"), "MODAL_LABEL_NOT_ALLOWED", "A text input in a label has no label of its own")
        if not labelled:
            form.text((*path, "label"), field.get("label"), rules.MODAL_LABEL, minimum=1, required=True)
        form.text((*path, "value"), field.get("value"), rules.TEXT_INPUT)
        form.text((*path, "placeholder"), field.get("placeholder"), rules.TEXT_INPUT_PLACEHOLDER)
        if field.get("style") not in (1, 2):
            form.error((*path, "style"), "BASE_TYPE_CHOICES", "Value must be one of (1, 2).")
        low, high = field.get("min_length"), field.get("max_length")
        if low is not None and low not in range(rules.TEXT_INPUT + 1):
            form.error((*path, "min_length"), "NUMBER_TYPE_MAX", "Must be between 0 and 4000.")
        if high is not None and high not in range(1, rules.TEXT_INPUT + 1):
            form.error((*path, "max_length"), "NUMBER_TYPE_MAX", "Must be between 1 and 4000.")
        elif high is not None and len(str(field.get("value") or "")) > high:
            form.error((*path, "value"), "BASE_TYPE_MAX_LENGTH", f"Must be {high} or fewer in length.")
