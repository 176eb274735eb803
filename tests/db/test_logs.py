"""Logs show where something went wrong, and no words of people: whatever an exception holds."""

import ast
import io
import json
import logging
from collections.abc import Generator
from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from db.errors import BadInput, NotFound, Outage, Retryable, describe
from db.logs import CLIENTS, NOISY_LOGGERS, JsonFormatter, LogSettings, RedactingFormatter, set_up_logging

WORDS = "my private words"
ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("bot", "db", "prompts", "workers")


class Name(BaseModel):
    age: int


@pytest.fixture
def log() -> Generator[tuple[logging.Logger, io.StringIO]]:
    """A logger whose handler formats as the processes' do."""
    made, written = logging.getLogger("tests.logs"), io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(RedactingFormatter())
    made.addHandler(handler)
    yield made, written
    made.removeHandler(handler)


def invalid() -> ValidationError:
    with pytest.raises(ValidationError) as raised:
        Name.model_validate({"age": WORDS})
    return raised.value


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ValueError(WORDS), "ValueError"),
        (KeyError(WORDS), "KeyError"),
        (invalid(), "ValidationError"),
        (FileNotFoundError(2, "No such file", f"/home/{WORDS}"), "FileNotFoundError: [Errno 2] No such file"),
        (BadInput("story.no_such_title", title=WORDS), "BadInput: story.no_such_title"),
        (NotFound("persona.no_such_name", name=WORDS), "NotFound: persona.no_such_name"),
        (Outage("57P03 the server starts"), "Outage: 57P03 the server starts"),
        (Retryable("the model\nis busy"), "Retryable: the model is busy"),
        (TimeoutError(), "TimeoutError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_is_described_without_words(error: Exception, shown: str) -> None:
    assert describe(error) == shown


def fail() -> None:
    try:
        try:
            int(WORDS)
        except ValueError as e:
            raise KeyError(WORDS) from e
    except KeyError:
        raise ExceptionGroup(WORDS, [RuntimeError(WORDS), invalid()])  # noqa: B904 - the context counts, too


def test_a_traceback_says_where_and_what_kind(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    try:
        fail()
    except ExceptionGroup as e:
        logger.exception("job %d failed: %s", 7, e)  # noqa: TRY401 - some calls do
        logger.warning("%(what)s", {"what": e})
        logger.error(e)  # noqa: TRY400 - a message that is an exception
    text = written.getvalue()
    assert WORDS not in text.replace("int(WORDS)", "").replace("KeyError(WORDS)", "")
    for word in ("job 7 failed: ExceptionGroup", "in fail", "int(WORDS)", "ValueError", "KeyError", "RuntimeError"):
        assert word in text, word


def test_what_another_handler_formatted_is_not_repeated(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    plain = logging.StreamHandler(io.StringIO())
    logger.handlers.insert(0, plain)
    try:
        raise ValueError(WORDS)  # noqa: TRY301
    except ValueError:
        logger.exception("no")
    finally:
        logger.removeHandler(plain)
    assert WORDS not in written.getvalue()


def test_errors_that_refer_to_each_other_are_shown_once(log: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = log
    one, two = ValueError("1"), KeyError("2")
    one.__cause__, two.__cause__ = two, one
    logger.error("round", exc_info=one)
    assert written.getvalue().count("ValueError") == 1


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.makeLogRecord({
        "name": "a.b", "levelname": "ERROR", "msg": "two\nlines %s", "args": (ValueError(WORDS),), "created": 0.5,
        "exc_info": (ValueError, ValueError(WORDS), None),
    })  # fmt: skip
    (line,) = JsonFormatter().format(record).splitlines()
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "ERROR",
        "logger": "a.b",
        "message": "two\nlines ValueError",
        "exception": "ValueError",
    }


def test_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    kept = {name: logging.getLogger(name).level for name in (*NOISY_LOGGERS, *CLIENTS)}
    level, handlers = root.level, root.handlers[:]
    root.handlers.clear()
    try:
        monkeypatch.setenv("STORYFORK_LOG_LEVEL", "DEBUG")
        set_up_logging(LogSettings())
        assert root.level == logging.DEBUG
        assert {logging.getLogger(name).level for name in NOISY_LOGGERS} == {logging.WARNING}
        assert {logging.getLogger(name).level for name in CLIENTS} == {logging.INFO}
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, before in kept.items():
            logging.getLogger(name).setLevel(before)


def log_calls(tree: ast.AST) -> Generator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id in {"_log", "logger", "log"}:
                yield node


def is_text_of_something(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return True
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Name) and called.id in {"str", "repr", "format"}


def test_every_log_call_passes_exceptions_as_they_are() -> None:
    """So that the formatter sees them: no f-strings, no ``str(error)``."""
    wrong: list[str] = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            wrong += [
                f"{path.relative_to(ROOT)}:{call.lineno}"
                for call in log_calls(ast.parse(path.read_text(encoding="utf-8")))
                if any(is_text_of_something(each) for arg in call.args for each in ast.walk(arg))
            ]
    assert wrong == []
