"""What a player does, as a page tells it: "Öffne die Tür" is "Du öffnest die Tür". For German, French and Spanish.

Only known verbs are turned, at the beginning of what the player does: no rule tells an unknown one from a noun.
"""

import re
from collections.abc import Callable
from typing import Final


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_GERMAN: Final = {
    "geh": "gehst", "gehe": "gehst", "sieh": "siehst", "schau": "schaust", "schaue": "schaust", "blick": "blickst",
    "blicke": "blickst", "nimm": "nimmst", "nehme": "nimmst", "gib": "gibst", "gebe": "gibst", "lies": "liest",
    "lese": "liest", "sprich": "sprichst", "spreche": "sprichst", "hilf": "hilfst", "helfe": "hilfst", "wirf": "wirfst",
    "werfe": "wirfst", "brich": "brichst", "breche": "brichst", "tritt": "trittst", "trete": "trittst",
    "lauf": "läufst", "laufe": "läufst", "renn": "rennst", "renne": "rennst", "halt": "hältst", "halte": "hältst",
    "fang": "fängst", "fange": "fängst", "schlag": "schlägst", "schlage": "schlägst", "trag": "trägst",
    "trage": "trägst", "lass": "lässt", "lasse": "lässt", "öffne": "öffnest", "folge": "folgst", "folg": "folgst",
    "warte": "wartest",
    "frag": "fragst", "frage": "fragst", "such": "suchst", "suche": "suchst", "durchsuche": "durchsuchst",
    "untersuche": "untersuchst", "versuche": "versuchst", "hör": "hörst", "höre": "hörst", "lausche": "lauschst",
    "klopf": "klopfst", "klopfe": "klopfst", "kletter": "kletterst", "klettere": "kletterst", "spring": "springst",
    "springe": "springst", "zieh": "ziehst", "ziehe": "ziehst", "drück": "drückst", "drücke": "drückst",
    "berühr": "berührst", "berühre": "berührst", "greif": "greifst", "greife": "greifst", "pack": "packst",
    "packe": "packst", "versteck": "versteckst", "verstecke": "versteckst", "bleib": "bleibst", "bleibe": "bleibst",
    "ruf": "rufst", "rufe": "rufst", "zeig": "zeigst", "zeige": "zeigst", "mach": "machst", "mache": "machst",
    "zünde": "zündest", "zünd": "zündest", "schließ": "schließt", "schließe": "schließt", "leg": "legst",
    "lege": "legst", "stell": "stellst", "stelle": "stellst", "setz": "setzt", "setze": "setzt", "heb": "hebst",
    "hebe": "hebst", "dreh": "drehst", "drehe": "drehst", "kehr": "kehrst", "kehre": "kehrst", "betritt": "betrittst",
    "betrete": "betrittst", "verlass": "verlässt", "verlasse": "verlässt", "beobachte": "beobachtest",
    "prüf": "prüfst", "prüfe": "prüfst", "schleich": "schleichst", "schleiche": "schleichst", "flieh": "fliehst",
    "fliehe": "fliehst", "biete": "bietest", "bitte": "bittest", "erzähl": "erzählst", "erzähle": "erzählst",
    "steig": "steigst", "steige": "steigst", "warne": "warnst", "sag": "sagst", "sage": "sagst", "hol": "holst",
    "hole": "holst", "bring": "bringst", "bringe": "bringst", "sammle": "sammelst", "leuchte": "leuchtest",
}  # fmt: skip
"""Imperatives, and what somebody says of themselves, with what "du" does. What stands behind the verb stays."""
_FRENCH: Final = {
    "ouvrir": "ouvres", "ouvre": "ouvres", "suivre": "suis", "suis": "suis", "prendre": "prends", "prends": "prends",
    "lire": "lis", "lis": "lis", "aller": "vas", "va": "vas", "vais": "vas", "courir": "cours", "cours": "cours",
    "fuir": "fuis", "fuis": "fuis", "partir": "pars", "pars": "pars", "sortir": "sors", "sors": "sors",
    "descendre": "descends", "descends": "descends", "attendre": "attends", "attends": "attends",
    "répondre": "réponds", "réponds": "réponds", "tendre": "tends", "tends": "tends", "mettre": "mets", "mets": "mets",
    "remettre": "remets", "remets": "remets", "rejoindre": "rejoins", "rejoins": "rejoins", "éteindre": "éteins",
    "éteins": "éteins", "faire": "fais", "fais": "fais", "dire": "dis", "dis": "dis", "saisir": "saisis",
    "saisis": "saisis", "jeter": "jettes", "jette": "jettes", "appeler": "appelles", "appelle": "appelles",
    "lever": "lèves", "lève": "lèves", "essayer": "essaies", "essaie": "essaies", "revenir": "reviens",
    "reviens": "reviens", "tenir": "tiens", "tiens": "tiens", "retenir": "retiens", "retiens": "retiens",
}  # fmt: skip
_FRENCH_ER: Final = _words(
    "aider allumer avancer cacher chercher crier demander donner écouter enlever entrer examiner explorer fermer "
    "forcer fouiller frapper garder grimper inspecter interroger laisser longer marcher monter montrer observer "
    "parler passer pousser préparer proposer quitter ramasser refuser regarder rester retourner ramper sauter "
    "surveiller tirer toucher tourner traverser trouver vérifier visiter"
)
_SPANISH: Final = {
    "seguir": "sigues", "hacer": "haces", "haz": "haces", "ir": "vas", "ve": "vas", "venir": "vienes", "ven": "vienes",
    "poner": "pones", "pon": "pones", "salir": "sales", "sal": "sales", "tener": "tienes", "ten": "tienes",
    "decir": "dices", "di": "dices", "pedir": "pides", "volver": "vuelves", "devolver": "devuelves",
    "encender": "enciendes", "cerrar": "cierras", "probar": "pruebas", "mostrar": "muestras", "empezar": "empiezas",
    "despertar": "despiertas", "huir": "huyes", "huye": "huyes", "oír": "oyes", "oye": "oyes", "mover": "mueves",
    "leer": "lees", "recoger": "recoges", "coger": "coges", "correr": "corres", "esconder": "escondes",
    "abrir": "abres", "subir": "subes", "descubrir": "descubres",
}  # fmt: skip
_SPANISH_AR: Final = _words(
    "agarrar apagar avisar ayudar bajar buscar caminar cruzar dejar entrar entregar escuchar esperar examinar "
    "explorar golpear gritar guardar hablar inspeccionar investigar lanzar levantar llamar llevar mirar observar "
    "ofrecer pasar preguntar preparar quedar registrar revisar rodear saltar sacar tirar tocar tomar trepar usar "
    "vigilar"
)
_SPANISH_FORMS: Final = frozenset({*_SPANISH.values(), *(f"{verb[:-1]}s" for verb in _SPANISH_AR)})
_MINE: Final = {
    "de": {"ich": "du", "mich": "dich", "mir": "dir", "mein": "dein", "meine": "deine", "meinen": "deinen",
           "meinem": "deinem", "meiner": "deiner", "meines": "deines"},
    "fr": {"mon": "ton", "ma": "ta", "mes": "tes", "me": "te", "moi": "toi"},
    "es": {"mi": "tu", "mis": "tus", "me": "te", "conmigo": "contigo"},
}  # fmt: skip
"""A player's words for themselves, as the story has them."""
_AND: Final = re.compile(r"\b(?P<and>und(?: dann)?) (?P<verb>[a-zäöüß]+)\b")
_WORD: Final = re.compile(r"[^\W\d_]+")
_REFLEXIVE: Final = re.compile(r"^(?:s['’]|se |me |m['’])(?=\w)", re.IGNORECASE)


def does(action: str, tag: str) -> str:
    """Return the clause of an action as a sentence about "you" in the language ``tag``; "" if its verb is unknown."""
    turn = _TURNS.get(tag)
    return turn(action) if turn is not None else ""


def alone(tag: str) -> str:
    """Return the word for "you" with which a page may begin; "" where sentences do not name it."""
    return {"de": "Du", "fr": "Tu"}.get(tag, "")


def introduces(tag: str) -> str:
    """Return how a first page begins to say who "you" are; "" if that is unknown."""
    return {"de": "Du bist", "fr": "Tu es", "es": "Eres"}.get(tag, "")


def _german(action: str) -> str:
    words = re.sub(r"^ich ", "", action, flags=re.IGNORECASE)
    verb, _, rest = words.partition(" ")
    following, _, object_ = rest.partition(" ")
    # "Bitte öffne die Tür" asks nobody for anything, "Bitte ihn um Brot" does.
    if verb.lower().rstrip(",") == "bitte" and following.lower() in _GERMAN:
        verb, rest = following, object_
    found = _GERMAN.get(verb.lower())
    rest = _AND.sub(lambda match: f"{match['and']} {_GERMAN.get(match['verb'], match['verb'])}", rest)
    return f"Du {found} {_mine(rest, 'de')}".rstrip() if found else ""


def _french(action: str) -> str:
    words = re.sub(r"^(?:je |j['’])", "", action, flags=re.IGNORECASE)
    bare = _REFLEXIVE.sub("", words)
    verb, _, rest = bare.partition(" ")
    plain = verb.lower().removesuffix("-toi")
    found = _FRENCH.get(plain) or _of_er(plain)
    if not found:
        return ""
    reflexive = bare != words or plain != verb.lower()
    to = "" if not reflexive else "t’" if found[0] in "aeéèêiouh" else "te "
    return f"Tu {to}{found} {_mine(rest, 'fr')}".rstrip()


def _of_er(verb: str) -> str:
    """Return what "tu" does of a regular verb in "-er", from its infinitive or its imperative."""
    infinitive = verb if verb.endswith("er") else f"{verb}r"
    return f"{infinitive[:-1]}s" if infinitive in _FRENCH_ER else ""


def _spanish(action: str) -> str:
    verb, _, rest = action.partition(" ")
    low = verb.lower()
    form = _SPANISH.get(low) or (f"{low[:-1]}s" if low in _SPANISH_AR else f"{low}s")
    return f"{form.capitalize()} {_mine(rest, 'es')}".rstrip() if form in _SPANISH_FORMS else ""


def _mine(text: str, tag: str) -> str:
    return _WORD.sub(lambda match: _MINE[tag].get(match[0], match[0]), text)


_TURNS: Final[dict[str, Callable[[str], str]]] = {"de": _german, "fr": _french, "es": _spanish}
