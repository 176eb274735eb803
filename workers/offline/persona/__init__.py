"""A persona's replies without a model: what the card says answers what is asked, whatever the card.

A message is understood as a kind (`kinds`), the card is read for what it says of somebody (`facts`, `sheets`,
`recast`), and a reply is put together (`replies`) that passes what a model's replies pass.
"""

from workers.offline.persona.replies import answer

__all__ = ["answer"]
