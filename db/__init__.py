"""What is true: tables, migrations, and the transactions that change them, with their rules.

Only frozen records leave this package, never rows of the ORM (`db.models` is private to it, and to tests). What takes
an id that a person or a packed button may have made up takes the account first and finds nothing of another account.
Without the account are functions for ids of our own rows: a job's parameters (`stories.attach_page`, `chats.pending`),
the conversation and the persona of a resolved `people.Who`, and `jobs.get`, whose caller compares the job's account.
"""
