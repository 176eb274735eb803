"""Character cards and lorebooks of other programs: Character Card V1 to V3, Pygmalion's characters, SillyTavern's lore.

`files` finds the JSON in a file, `reading` makes a persona of it, `writing` the file again; `lorebook` says what its
entries mean here. What is read comes from outside: it runs in a disposable child process
(`workers.decoding.document_program`).
"""
