"""Cards that are lists: ``Likes("rain" + "tea")``, ``[Rin's job: nurse; likes: rain]``, ``Age: 24``."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

_KEYS: Final[Mapping[str, str]] = {
    key: name
    for name, keys in {
        "age": "age",
        "species": "species|race",
        "work": "job|occupation|profession|work|role|class|career|employment",
        "looks": "appearance|looks|body|features",
        "hair": "hair",
        "eyes": "eyes",
        "clothes": "clothes|clothing|outfit|attire|wears",
        "traits": "personality|mind|traits|persona|attributes|character traits|temperament",
        "likes": "likes|loves|interests|hobbies|hobby|enjoys|passions|favorites|favourites",
        "dislikes": "dislikes|hates|dislike|hate|pet peeves",
        "fears": "fears|fear|afraid of|phobias",
        "skill": "skills|skill|abilities|ability|powers|talents|strengths",
        "home": "home|residence|lives in|location|lives|address",
        "origin": "nationality|birthplace|hometown|from|origin|born in|ethnicity",
        "family": "family|relatives|parents|siblings",
        "friends": "friends|relationships|allies",
        "wish": "goal|goals|dream|dreams|motivation|wants|ambition|desires",
        "past": "background|backstory|history|past",
        "secret": "secret|secrets",
        "food": "favorite food|favourite food|food",
    }.items()
    for key in keys.split("|")
}
_WPP: Final = re.compile(
    r"(?P<key>[A-Za-z][A-Za-z _/-]{1,30}?)\s*\(\s*(?P<values>(?:[\"“][^\"”\n]{0,300}[\"”]\s*[+,]?\s*)+)\)"
)
_QUOTED: Final = re.compile(r"[\"“]([^\"”\n]{1,300})[\"”]")
_ENTRY: Final = re.compile(
    r"^[\s\[{(*•\-–>]*(?P<key>[A-Za-z][A-Za-z '’_/-]{1,40}?)[\s*]*[:=][\s*]*(?P<value>\S.{0,600}?)[\s\]})]*$"
)
_FRAME: Final = re.compile(r"(?:character|persona|name)\s*\(", re.IGNORECASE)
MOST_VALUES: Final = 12


def attributes(text: str) -> tuple[dict[str, list[str]], str]:
    """Return what a listed card says, by what it is about, and the text that is no list."""
    found: dict[str, list[str]] = {}
    for match in _WPP.finditer(text):
        _add(found, match["key"], _QUOTED.findall(match["values"]))
    if found or _WPP.search(text):
        text = _WPP.sub("", text)
        if _FRAME.search(text) or not re.search(r"[A-Za-z]{3}", text):
            text = re.sub(r"^[^\n]*[{}()\[\]][^\n]*$", "", text, flags=re.MULTILINE)
    prose: list[str] = []
    for line in _entries(text):
        match = _ENTRY.match(line)
        key = _key(match["key"]) if match else ""
        if match and key and not re.search(r"[.!?] [A-Z]", match["value"]):
            _add(found, match["key"], _listed(match["value"]))
        elif match and key:
            prose.append(match["value"])
        elif not (match and len(match["key"].split()) <= 3 and match["key"][0].isupper()):
            prose.append(line)
    return found, "\n".join(prose)


def _entries(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        if line.lstrip().startswith("[") or line.count(";") > 1:
            yield from (part for part in line.strip(" []").split(";") if part.strip())
        else:
            yield line


def _key(key: str) -> str:
    """Return what an entry is about; empty if it is nothing that anybody says of themselves."""
    last = re.sub(r"^.*['’]s? ", "", key.strip()).lower().replace("_", " ")
    return _KEYS.get(last, "")


def _add(found: dict[str, list[str]], key: str, values: list[str]) -> None:
    if name := _key(key):
        known = found.setdefault(name, [])
        known += [value for each in values if (value := each.strip(' ."“”')) and value not in known]
        del known[MOST_VALUES:]


def _listed(value: str) -> list[str]:
    parts = re.split(r"\s*[,;+|]\s*", value.strip(' ."“”'))
    return [part.removeprefix("and ") for part in parts if part] if len(parts) > 1 else parts
