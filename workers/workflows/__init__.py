"""Workflows: how each type of jobs is done, step by step."""
