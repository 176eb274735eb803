"""What a model is told: elements in, the part of them that fits its window out. Pure: no record, no queue, no engine.

`elements` says what there is, `history` how the past is cut into spans, `counting` how tokens are counted. The way
through the room is in docs/context.md.
"""
