"""The lines of `/status` and `/model` about the workers: load, health, engines and models."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from db.jobs import QueueLoad
from db.leaders import Leader
from db.limits import Left
from db.usage import Acceptance

Words = Callable[..., str]
Heartbeats = Sequence[Mapping[str, Any]]
SHOWN: Final = 10
"""Maximum number of workers and engines that are listed individually."""
CRAFT: Final = ("at_once", "mended", "again", "next", "offline")
"""How a text comes to be shown, as receipts have it."""
_SOON_SECONDS: Final = 1.0
_SHOWN_SECONDS: Final = 24 * 3600.0


def everybody(words: Words, heartbeats: Heartbeats, load: QueueLoad, wait_s: float | None) -> list[str]:
    """Return the lines for everyone. ``heartbeats`` are those of the living workers.

    ``wait_s``: so many seconds a request of this person would wait now; None: unknown.
    """
    lines = [words("status.up" if heartbeats else "status.down")]
    if engines := [_engine(words, e) for e in _distinct(heartbeats, "engine", "model")]:
        lines.append(words("status.engines", engines=", ".join(engines)))
    if drawing := [_engine(words, e) for e in _distinct(heartbeats, "engine", "model", key="pictures")]:
        lines.append(words("status.pictures", engines=", ".join(drawing)))
    lines.append(words("status.queue", interactive=load.interactive, background=load.background, running=load.running))
    if wait_s is not None and wait_s < _SOON_SECONDS:
        lines.append(words("status.no_wait"))
    elif wait_s is not None:
        begun = datetime.now(UTC) + timedelta(seconds=wait_s)
        lines.append(words("status.wait", when=begun.isoformat()))
    return lines


def left(words: Words, quotas: Sequence[Left]) -> list[str]:
    """Return the lines about what a person has used of their limits lately."""
    lines = [
        words(f"limits.left_{each.name}", left=each.left, limit=each.limit, when=each.whole_at.isoformat())
        for each in quotas
        if each.name != "work"  # it is there again within a minute
    ]
    return [words("limits.left_title"), *lines] if lines else []


def operators(words: Words, heartbeats: Heartbeats, work: Mapping[str, int], mail: Mapping[str, int]) -> list[str]:
    """Return the lines for the operator; ``work`` and ``mail`` count jobs and messages by state."""
    lines = [words("status.workers", count=len(heartbeats))]
    for worker in heartbeats[:SHOWN]:
        queues = ", ".join(str(q) for q in worker.get("queues", ()))
        named = {name: worker.get(name, "?") for name in ("worker", "running", "capacity")}
        lines.append(words("status.worker", queues=queues, **named))
    # A model process is shared by the workers of its machine: count its figures once.
    for engine in _distinct(heartbeats, "host", "pid", "engine", "model")[:SHOWN]:
        if figures := _figures(words, engine):
            shown = {"name": _name(words, engine), "model": engine.get("model") or "", "host": engine["host"]}
            lines.append(words("status.figures", figures=", ".join(figures), **shown))
        lines += [_server(words, server) for server in engine.get("servers", ())]
    # The row of this answer is open, too.
    lines.append(words("status.open", open=max(0, mail.get("pending", 0) + mail.get("sending", 0) - 1)))
    if work.get("dead") or mail.get("dead"):
        lines.append(words("status.dead", jobs=work.get("dead", 0), messages=mail.get("dead", 0)))
    return lines


def troubled(found: Sequence[Leader]) -> list[str]:
    """Return the names of the platforms that cannot be served now."""
    return list(dict.fromkeys(leader.name.partition(" ")[0] for leader in _recent(found) if not leader.served))


def platforms(words: Words, found: Sequence[Leader]) -> list[str]:
    """Return a line for each platform (or group of shards): the process that serves it, or what is wrong."""
    lines: list[str] = []
    for leader in _recent(found):
        if leader.silent:
            state = words("status.platform_silent", seconds=round(leader.age_s))
        elif leader.problem:
            state = words("status.unhealthy", problem=leader.problem)
        else:
            state = words("status.platform_served", host=leader.host)
        lines.append(words("status.platform", name=leader.name, state=state))
    return lines


def acceptance(words: Words, found: Sequence[Acceptance]) -> list[str]:
    """Return a line for each function and model: how what it wrote came to be shown, in per cent of its runs."""
    lines = [
        words(
            "status.craft",
            function=each.function,
            model=each.model or "?",
            total=each.total,
            **{name: f"{100 * getattr(each, name) / each.total:.0f}" for name in CRAFT},
        )
        for each in found
    ]
    return [words("status.craft_title"), *lines] if lines else []


def _recent(found: Sequence[Leader]) -> list[Leader]:
    """Leave out what was served long ago: another set of shards, a platform that is no longer set up."""
    return [leader for leader in found if leader.age_s < _SHOWN_SECONDS]


def models(words: Words, chosen: str, known: Sequence[str] | None) -> list[str]:
    """Return the lines about the current text model and those available.

    ``known`` are the workers' models; None if no worker that writes is up.
    """
    if known is None:
        return [words("model.chosen", model=chosen) if chosen else words("model.operators"), words("model.not_known")]
    if not known:
        return [words("model.templates")]
    if not chosen:
        writes = words("model.usual", model=known[0])
    else:
        writes = words("model.chosen" if chosen in known else "model.gone", model=chosen)
    return [writes, words("model.known", models=", ".join(known))]


def _distinct(heartbeats: Heartbeats, *keys: str, key: str = "engines") -> list[dict[str, Any]]:
    """Return the engines of all workers, one per value of ``keys``, preferably a loaded one."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for worker in heartbeats:
        for reported in worker.get(key, ()):
            engine = {**reported, "host": worker.get("host", "?")}
            same = tuple(engine.get(k) for k in keys)
            if same not in found or (engine.get("loaded") and not found[same].get("loaded")):
                found[same] = engine
    return list(found.values())


def _name(words: Words, engine: Mapping[str, Any]) -> str:
    name = str(engine.get("engine", "?"))
    return words("status.template") if name == "template" else name


def _engine(words: Words, engine: Mapping[str, Any]) -> str:
    name, model = _name(words, engine), engine.get("model")
    if "loaded" not in engine:
        return name
    state = "loaded" if engine["loaded"] else "trouble" if engine.get("problem") else "not_loaded"
    told = words(f"status.{state}")
    if not model:
        return words("status.engine_bare", name=name, state=told)
    return words("status.engine", name=name, model=model, state=told)


def _figures(words: Words, engine: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    if problem := engine.get("problem"):
        found.append(words("status.unhealthy", problem=problem))
    if "tokens_per_s" in engine:
        found.append(words("status.tokens", rate=f"{engine['tokens_per_s']:.0f}"))
    if "batch" in engine:
        found.append(words("status.batch", batch=f"{engine['batch']:.1f}"))
    if "cache_share" in engine:
        found.append(words("status.cache", share=f"{100 * engine['cache_share']:.0f}"))
    if "running" in engine or "waiting" in engine:
        found.append(words("status.requests", running=engine.get("running", 0), waiting=engine.get("waiting", 0)))
    if "evictions" in engine or "swap_outs" in engine:
        evictions, swap_outs = engine.get("evictions", 0), engine.get("swap_outs", 0)
        found.append(words("status.dropped", evictions=evictions, swap_outs=swap_outs))
    return found


def _server(words: Words, server: Mapping[str, Any]) -> str:
    problem = str(server.get("problem") or "?")
    state = words("status.healthy") if server.get("healthy") else words("status.unhealthy", problem=problem)
    return words("status.server", name=server.get("name", "?"), state=state, running=server.get("running", 0))
