"""Errors of the stack that the operator can fix: shown as one message, never as a traceback."""


class StackError(Exception):
    """The stack cannot start or cannot be reached; the message says what to do."""

    loggable = True


class AlreadyRunningError(StackError):
    """Another process already runs the stack of this data directory."""

    def __init__(self, home: str, pid: int | None) -> None:
        who = f"process {pid}" if pid is not None else "another process"
        super().__init__(
            f"Storyfork is already running in {home} ({who}). "
            "Stop it first, or set STORYFORK_HOME to another directory for a second one."
        )
        self.pid = pid
