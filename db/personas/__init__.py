"""Personas: those that ship with the product, and an account's own.

``card`` says what a persona is, ``library`` has the transactions.
"""

from db.personas.card import PersonaCard
from db.personas.library import Persona, active, get, known, named, sync_shipped, use

__all__ = ["Persona", "PersonaCard", "active", "get", "known", "named", "sync_shipped", "use"]
