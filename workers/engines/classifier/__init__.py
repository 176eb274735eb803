"""Classifiers of texts: a model in a folder, run in a process of its own, or a server's moderation endpoint.

Both return scores (0 to 1) by the labels of the model; what these mean is decided in `workers.moderation`.
"""
