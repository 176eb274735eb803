"""Jobs: every change of a job's state is one conditional update.

States: queued → running (one holder, a lease that expires) → done, waiting (for a person or for child jobs), dead or
cancelled. Only the lease's holder may save, finish or requeue a job; for others these raise `LeaseLost`. Locks
are taken in the order story, page, job, and of jobs a child's before its parent's.
"""

from db.jobs.artifacts import Artifact, Saved, artifacts, save_artifact
from db.jobs.claims import Room, claim, claim_next
from db.jobs.deadlines import CHECK_SECONDS, SETTLED_CHECKS, LateJobs
from db.jobs.endings import Abandoned, abandon, abandon_about, ask_to_stop, cancel, undo_children
from db.jobs.forecast import Outlook, next_in_line, outlook, outlook_now
from db.jobs.joins import Child, Wakeup, children
from db.jobs.leases import (
    LEASE_SECONDS,
    MAX_CRASHES,
    MAX_RETRIES,
    add,
    bury,
    finish,
    forget_parameters,
    get,
    move,
    put_back,
    queue_of,
    renew,
    report,
    retry,
)
from db.jobs.load import InLine, QueueLoad, Status, counts, in_line, load, status
from db.jobs.recovery import reap
from db.jobs.turns import AGING_SECONDS, BACKGROUND, BACKGROUND_SHARE, INTERACTIVE, join_line, line_up
from db.jobs.waits import Awaited, interact, join_or_wait, promote, take_or_wait, wake_due
from db.work import Job, WorkerQueue

__all__ = [
    "AGING_SECONDS",
    "BACKGROUND",
    "BACKGROUND_SHARE",
    "CHECK_SECONDS",
    "INTERACTIVE",
    "LEASE_SECONDS",
    "MAX_CRASHES",
    "MAX_RETRIES",
    "SETTLED_CHECKS",
    "Abandoned",
    "Artifact",
    "Awaited",
    "Child",
    "InLine",
    "Job",
    "LateJobs",
    "Outlook",
    "QueueLoad",
    "Room",
    "Saved",
    "Status",
    "Wakeup",
    "WorkerQueue",
    "abandon",
    "abandon_about",
    "add",
    "artifacts",
    "ask_to_stop",
    "bury",
    "cancel",
    "children",
    "claim",
    "claim_next",
    "counts",
    "finish",
    "forget_parameters",
    "get",
    "in_line",
    "interact",
    "join_line",
    "join_or_wait",
    "line_up",
    "load",
    "move",
    "next_in_line",
    "outlook",
    "outlook_now",
    "promote",
    "put_back",
    "queue_of",
    "reap",
    "renew",
    "report",
    "retry",
    "save_artifact",
    "status",
    "take_or_wait",
    "undo_children",
    "wake_due",
]
