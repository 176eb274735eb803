"""Start one program so that it cannot outlive the process that asked for it. Runs as a script, imports nothing of ours.

    python -I -S launch.py --parent PID --death-signal NUMBER [--user NAME] [--watch] [--foreground] -- PROGRAM …

On Linux the kernel does the work: PR_SET_PDEATHSIG is set (after the change of user, which would clear it) and the
program replaces this script, so the child has the pid that the supervisor knows. Elsewhere, or with ``--watch``, this
script stays between the two: it forwards signals, and ends the program when the parent is gone.

With ``--foreground`` the program shares a terminal with its parent, which keeps SIGINT blocked until here. The program
inherits it ignored, and so leaves Ctrl-C to its parent until it can handle it.

All imports are at the top: after the change of user Python's own files may be inaccessible.

Exit codes: the program's own; 125 when the launcher itself fails; 126 or 127 when the program cannot be started.
"""

import ctypes
import os
import pwd
import signal
import sys
import threading
import time
from types import FrameType

FLAGS = ("--watch", "--foreground")
PR_SET_PDEATHSIG = 1
PARENT_CHECK_SECONDS = 0.2
KILL_AFTER_SECONDS = 5.0


def _parse(arguments: list[str]) -> tuple[dict[str, str], set[str], list[str]]:
    options: dict[str, str] = {}
    flags: set[str] = set()
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            break
        if argument in FLAGS:
            flags.add(argument)
        else:
            options[argument.removeprefix("--")] = next(rest)
    return options, flags, list(rest)


def _become(name: str) -> None:
    user = pwd.getpwnam(name)
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ.update(HOME=user.pw_dir, USER=name, LOGNAME=name)


def _die_with_parent(death_signal: int) -> bool:
    if sys.platform != "linux":
        return False
    return ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) == 0


def _execute(program: list[str]) -> None:
    try:
        os.execvp(program[0], program)  # noqa: S606  no shell is wanted
    except OSError as error:
        sys.stderr.write(f"cannot start {program[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


def _watch(program: list[str], parent: int, death_signal: int) -> int:
    child = os.fork()
    if child == 0:
        _execute(program)

    def forward(number: int, frame: FrameType | None) -> None:
        del frame
        try:
            os.kill(child, number)
        except ProcessLookupError:
            return

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, forward)

    def end_when_orphaned() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_CHECK_SECONDS)
        forward(death_signal, None)
        time.sleep(KILL_AFTER_SECONDS)
        forward(signal.SIGKILL, None)

    threading.Thread(target=end_when_orphaned, daemon=True).start()
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    """Apply the options and become, or watch, the program."""
    options, flags, program = _parse(arguments)
    parent = int(options["parent"])
    death_signal = int(options["death-signal"])
    if "--foreground" in flags:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if "user" in options:
        _become(options["user"])
    if "--watch" not in flags and _die_with_parent(death_signal):
        if os.getppid() != parent:  # the parent died before the signal was armed
            return 125
        _execute(program)
    return _watch(program, parent, death_signal)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
