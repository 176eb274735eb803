"""The system of record: tables, migrations, and the transactions that change them, with their rules.

Only frozen records leave this package, never rows of the ORM (`db.models` is private to it, and to tests). Functions
that take an untrusted id (from a person or a packed button) take the account first and never find rows of another one.
Functions for ids from our own rows omit the account: a job's parameters (`stories.attach_page`, `chats.pending`),
the conversation and the persona of a resolved `people.Who`, and `jobs.get`, whose caller compares the job's account.
"""
