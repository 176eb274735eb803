"""The gate between people and models: what may be asked, and what may be stored or shown of an answer.

`gate` stands in the function engine, so that no AI function is outside; `moderator` decides, by the word list and by
the operator's classifiers (`base`, `remote`, `judge`, `folder`).
"""
