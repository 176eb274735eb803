"""Personas: those that ship with the product, and those that people make.

``card`` says what a persona is, ``macros`` and ``greetings`` what its texts become, ``library`` finds personas,
``making`` changes them, ``sharing`` shows them to others.
"""

from db.personas.card import PersonaCard
from db.personas.library import Persona, Visibility, active, get, known, named, seen, sync_shipped, use
from db.personas.making import (
    KEPT_REVISIONS,
    adopt,
    copy,
    create,
    edit,
    may_change,
    remove,
    restore,
    revisions,
    undo,
    whole_card,
)
from db.personas.sharing import share, shared, show_to, unshare

__all__ = [
    "KEPT_REVISIONS",
    "Persona",
    "PersonaCard",
    "Visibility",
    "active",
    "adopt",
    "copy",
    "create",
    "edit",
    "get",
    "known",
    "may_change",
    "named",
    "remove",
    "restore",
    "revisions",
    "seen",
    "share",
    "shared",
    "show_to",
    "sync_shipped",
    "undo",
    "unshare",
    "use",
    "whole_card",
]
