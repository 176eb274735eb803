"""Craft: the gate between what a model writes and what people read, by rules. Pure: texts in, findings out.

`pages`, `choices` and `replies` are twins: facts, named checks, and mends that only delete. No model judges here.
"""
