"""What a run does, and what came of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does. Durations are seconds.

    It ends after ``events`` acts and ``faults`` faults. ``kinds``: the faults (see `breaker`). ``bots``: how many
    processes serve each platform. ``led``: they elect a leader, and progress gives way to answers. ``mid_job``: a
    worker is killed only while it holds a job.

    ``rest``: between two acts of a person. ``pause``: between faults. ``down``: until a killed program is started
    again. ``stall``: how long a server is frozen, silent, read-only or away. ``patience``: how long a person waits for
    an answer before doing the next thing. ``drain``: how long the work may take to settle afterwards; on a
    busy machine, programs that were just started need most of a minute.
    """

    seed: int
    events: int
    kinds: Sequence[str]
    faults: int = 0
    towns: Sequence[str] = ("telegram",)
    players: int = 4
    bots: int = 1
    led: bool = True
    reaper: bool = True
    mid_job: bool = False
    rest: tuple[float, float] = (0.2, 1.6)
    pause: tuple[float, float] = (0.6, 1.6)
    down: tuple[float, float] = (0.1, 1.0)
    stall: tuple[float, float] = (0.5, 4.0)
    patience: float = 6.0
    drain: float = 150.0


@dataclass(slots=True)
class Report:
    """What came of a run; ``lost``, ``duplicated``, ``overwritten`` and ``forked`` name each case.

    ``refused``: events of which the person was told that nobody took them. ``logged``: words of people in logs.
    """

    events: int = 0
    answered: int = 0
    refused: int = 0
    moves: int = 0
    orphans: int = 0
    drained: bool = False
    faults: Counter[str] = field(default_factory=Counter[str])
    lost: list[str] = field(default_factory=list[str])
    duplicated: list[str] = field(default_factory=list[str])
    overwritten: list[str] = field(default_factory=list[str])
    forked: list[str] = field(default_factory=list[str])
    logged: list[str] = field(default_factory=list[str])
    seconds: float = 0.0

    def __str__(self) -> str:
        faults = ", ".join(f"{n} {name}" for name, n in sorted(self.faults.items()))
        return (
            f"{self.events} events, {self.answered} answered, {self.refused} refused, {len(self.lost)} lost, "
            f"{len(self.duplicated)} duplicated, {len(self.overwritten)} overwritten, {self.moves} moves, "
            f"{len(self.forked)} forked, {len(self.logged)} logged, {self.orphans} orphan placeholders; "
            f"{sum(self.faults.values())} faults ({faults}); {self.seconds:.1f} s"
        )
