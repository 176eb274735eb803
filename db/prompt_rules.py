"""Owners, lifetimes and texts of the tables of prompts: an account's own ones, their tests, and votes."""

from typing import Final

from db.schemas import Retention, TableRule, texts

PROMPT_TABLES: Final = (
    TableRule(
        "prompt_overrides",
        owner=("account_id",),
        texts=texts(words="source", settings="name", state="verdict"),
        author="updated_by",
    ),
    TableRule(
        "task_prompts",
        owner=("account_id",),
        texts=texts(words="source", settings="name job_type", state="verdict"),
        author="updated_by",
    ),
    TableRule(
        "prompt_tests",
        owner=("account_id",),
        retention=Retention(365, "ended_at"),
        texts=texts(settings="name job_type"),
    ),
    TableRule(
        "prompt_variants",
        owner=("account_id",),
        texts=texts(words="source", settings="name label", state="verdict"),
        author="updated_by",
    ),
    TableRule("tested_texts", owner=("page_id", "message_id")),
    TableRule("votes", owner=("page_id", "message_id"), author="user_id"),
)
"""The part of `db.privacy.TABLES` that is about prompts."""
