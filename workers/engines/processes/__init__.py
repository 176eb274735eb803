"""Model processes: one supervised process per machine and model, whatever the model.

A model runs in a Python process of its own, since native code may abort the process that it runs in. An engine sees
`ProcessSupervisor` (one process for all callers), `ModelProcess` (one connection) and a launcher (which finds or
starts it); the process itself runs `server.serve`. Both sides speak the messages of a `Wire`.
"""
