"""What every process reads first: `.env` in any encoding, proxies in any form, settings with any mistake."""

import os
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from bot.settings import BotSettings
from db.environment import BadEnvironment, prepare_environment, proxy_for, read_settings, settle_proxies
from db.logs import LogSettings
from db.settings import DatabaseSettings, ModerationSettings
from workers.engines.image.settings import ImageSettings
from workers.engines.text.embedding.settings import EmbeddingSettings
from workers.engines.text.settings import TextSettings
from workers.settings import WorkerSettings

KINDS: list[type[BaseSettings]] = [
    BotSettings, DatabaseSettings, ModerationSettings, WorkerSettings, TextSettings, EmbeddingSettings, ImageSettings
]  # fmt: skip
P = "http://proxy:3128"
SOCKS = "socks://127.0.0.1:1080/"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no variable that we read."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("STORYFORK_"):
            monkeypatch.delenv(name)
    for name in ("http_proxy", "https_proxy"):  # set by what is tested: noted here, so that they are taken back
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path / ".env"


@pytest.mark.parametrize(
    ("given", "settled"),
    [
        ({}, {}),
        ({"HTTPS_PROXY": P}, {"https_proxy": P}),
        ({"ALL_PROXY": P}, {"http_proxy": P, "https_proxy": P}),
        ({"all_proxy": SOCKS, "https_proxy": P, "http_proxy": P}, {"http_proxy": P, "https_proxy": P}),
        ({"https_proxy": "proxy:3128"}, {"https_proxy": P}),
        ({"HTTPS_PROXY": "http://other:1", "https_proxy": P}, {"https_proxy": P}),
        ({"HTTPS_PROXY": "", "ALL_PROXY": ""}, {}),
        ({"https_proxy": "http://u:p%40ss@proxy:3128/"}, {"https_proxy": "http://u:p%40ss@proxy:3128/"}),
        ({"https_proxy": P, "NO_PROXY": "localhost"}, {"https_proxy": P, "NO_PROXY": "localhost"}),
    ],
)
def test_proxies_are_brought_into_one_form(given: dict[str, str], settled: dict[str, str]) -> None:
    environment = dict(given)
    settle_proxies(environment)
    assert environment == settled
    settle_proxies(environment)
    assert environment == settled


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"all_proxy": SOCKS}, "all_proxy"),
        ({"ALL_PROXY": "socks5://secret@proxy:1080"}, "ALL_PROXY"),
        ({"https_proxy": P, "all_proxy": "socks5h://proxy"}, "all_proxy"),
        ({"HTTPS_PROXY": "ftp://proxy"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://proxy:port"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://"}, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "http://[::1"}, "HTTPS_PROXY"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named(given: dict[str, str], named: str) -> None:
    before = dict(given)
    with pytest.raises(BadEnvironment, match=named) as refused:
        settle_proxies(given)
    assert "unset" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert given == before


@pytest.mark.parametrize("given", [{"all_proxy": SOCKS}, {"ALL_PROXY": SOCKS}, {"https_proxy": SOCKS},
                                   {"HTTP_PROXY": SOCKS, "all_proxy": P}])  # fmt: skip
def test_what_is_said_about_a_socks_proxy_helps(given: dict[str, str]) -> None:
    (name,) = (name for name, value in given.items() if value == SOCKS)
    with pytest.raises(BadEnvironment, match=f"^{name} names a SOCKS proxy.*not supported.*unset {name}") as refused:
        settle_proxies(dict(given))
    advice = str(refused.value).partition("set ")[2].partition(" to an HTTP proxy")[0]
    given |= dict.fromkeys(advice.split(" and "), P)
    settle_proxies(given)
    assert given["http_proxy" if name == "HTTP_PROXY" else "https_proxy"] == P


def test_the_proxy_of_a_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", P)
    monkeypatch.setenv("NO_PROXY", "localhost,.inside")
    prepare_environment()
    assert proxy_for("https://discord.com/api") == proxy_for("http://discord.com") == proxy_for("wss://x.y") == P
    assert proxy_for("http://localhost:8080/v1") is proxy_for("https://model.inside/v1") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_env_files_of_all_editors_are_read(environment: Path, encoding: str) -> None:
    environment.write_text("STORYFORK_LOG_LEVEL=ERROR\r\nSTORYFORK_WORKER_JOBS=7\r\n", encoding=encoding)
    prepare_environment()
    assert read_settings(LogSettings).storyfork_log_level == "ERROR"
    assert read_settings(WorkerSettings).storyfork_worker_jobs == 7


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_other_encodings_are_said(environment: Path, encoding: str) -> None:
    environment.write_text("# für mich\nSTORYFORK_WORKER_JOBS=7\n", encoding=encoding)
    with pytest.raises(BadEnvironment, match=r"\.env is (not )?UTF-\d+.*save it as UTF-8"):
        prepare_environment()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("junk", ["☃", "-1", "", "a b\nc", "http://user:secret@host:port/?#"])
def test_a_wrong_setting_is_named(kind: type[BaseSettings], junk: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = str(kind.model_config.get("env_prefix") or "")
    for field in kind.model_fields:
        name = (prefix + field).upper()
        monkeypatch.setenv(name, junk)
        try:
            read_settings(kind)
        except BadEnvironment as refused:
            said = str(refused)
            named = name in said
        else:
            named = True
        monkeypatch.delenv(name)
        assert named, name


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_home_of_nobody_is_named(kind: type[BaseSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [name for name, field in kind.model_fields.items() if "Path" in str(field.annotation)]
    for field in paths:
        name = (str(kind.model_config.get("env_prefix") or "") + field).upper()
        many = "dict" in str(kind.model_fields[field].annotation)
        monkeypatch.setenv(name, "writer=~nobody-at-all/x" if many else "~nobody-at-all/x")
        with pytest.raises(BadEnvironment, match=f"{name}: there is no such user"):
            read_settings(kind)
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", ["DISCORD_TOKEN", "TELEGRAM_TOKEN", "TELEGRAM_WEBHOOK_SECRET"])
def test_blanks_around_a_secret_are_forgiven_and_inside_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, " 123-secret\r\n")
    value = getattr(read_settings(BotSettings), name.lower())
    assert value.get_secret_value() == "123-secret"
    for broken in ("123\nsecret", "123 secret", "123\u200bsecret"):
        monkeypatch.setenv(name, broken)
        with pytest.raises(BadEnvironment, match=f"{name}: .*copy it again") as refused:
            read_settings(BotSettings)
        assert "secret" not in str(refused.value).replace(name, "")
