"""Model processes: one supervised process per machine and model, whatever the model.

A model runs in a Python process of its own, since native code may abort the process that it runs in. Seen from an
engine: `Supervisor` (one process for all who wait) → `ModelProcess` (one connection) → a launcher (where processes come
from). Seen from the process: `server.serve`. Both sides speak the messages of a `Wire`.
"""
