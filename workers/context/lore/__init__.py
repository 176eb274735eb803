"""Lorebooks: which entries the recent messages call up, by the rules of Character Card V3.

`entries` says what a book holds, `decorators` what an entry's first lines rule, `keys` how a key is found in a text,
`matcher` which entries are told. Macros with names (``{{char}}``, ``{{user}}``) are the caller's to replace.
"""
