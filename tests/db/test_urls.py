"""DATABASE_URL as people and hosters write it: taken, or refused with what is wrong."""

import ssl

import asyncpg
import pytest

from db.connection import connect, rows
from db.urls import BadDatabaseUrl, credentials, libpq_environment, parse

pytestmark = pytest.mark.usefixtures("no_pool")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("sqlite:///x.db", "postgres://"),
        ("postgres://u@h", "names no database"),
        ("postgres://u@h/d?foo=1", "unknown parameters: foo"),
        ("postgres://u@/d?port=x", "not a number"),
        ("postgres://u:p@ss/w#rd@h/d", "write @ as %40"),
        ("postgres://u:zq/ss@h/d", "write @ as %40"),
        ("postgres://u:zq?ss@h/d", "write @ as %40"),
        ("postgres://u:zq#ss@h/d", "write @ as %40"),
        ("postgres://u:zq[ss@h/d", "write @ as %40"),
        ("postgres://u:12/34@h/d", "write @ as %40"),
        ("postgres://u@a:1,b:2/d", "several hosts"),
        ("postgres://u@h/d?search_path=mine", "database of its own"),
        ("postgres://u@h/d?options=-c%20search_path%3Dmine", "database of its own"),
        ("postgres://u@h:99999/d", "between 1 and 65535"),
        ("postgres://u@h/d?port=0", "between 1 and 65535"),
        ('"postgres://u@h/d"', "quotes"),
        ("postgres://u@h/d?sslmode=maybe", "sslmode"),
        ("postgres://u@h/d?sslrootcert=/no/such/file", "certificate"),
    ],
)
def test_what_is_wrong_is_named_and_the_password_is_not_shown(url: str, problem: str):
    with pytest.raises(BadDatabaseUrl, match=problem) as raised:
        credentials(url)
    assert not any(part in str(raised.value) for part in ("zq", "ss@", "w#rd", "12/34"))


def test_good_urls():
    found = credentials("postgresql://a%40b:p%2Fw@db.example:6000/story?sslmode=require")
    assert found == {
        "host": "db.example", "port": 6000, "user": "a@b", "password": "p/w", "database": "story", "ssl": "require",
    }  # fmt: skip
    assert credentials("postgres://postgres@/storyfork?host=/run/pg")["host"] == "/run/pg"
    assert credentials("postgres://u:p@ss:w@h/d")["password"] == "p@ss:w", "only the last @ ends it"
    assert credentials("postgres://h/d?user=u&password=p%26w")["password"] == "p&w"
    assert credentials("postgres://h/d?user=a%2525&password=p%2541w")["password"] == "p%41w", "decoded once"
    assert credentials("postgres://h/d?user=a%2525&password=p%2541w")["user"] == "a%25"


@pytest.mark.parametrize(
    ("url", "ignored", "pooler"),
    [
        ("postgres://u:p@ep-x.neon.tech/d?sslmode=require&channel_binding=require", ["channel_binding"], None),
        ("postgres://u:p@x.pooler.supabase.com:6543/d?pgbouncer=true&connection_limit=1", ["connection_limit"], True),
        ("postgres://u:p@h/d?gssencmode=disable&keepalives=1&connect_timeout=3", ["gssencmode", "keepalives"], None),
        ("postgres://u:p@h/d?application_name=fox&options=-c%20geqo%3Doff&statement_cache_size=0", [], True),
        ("postgres://u:p@h/d?target_session_attrs=read-write&pgbouncer=false", [], False),
    ],
)
def test_parameters_are_taken_or_ignored_by_name(url: str, ignored: list[str], pooler: bool | None):
    parsed = parse(url)
    assert (parsed.ignored, parsed.behind_pooler) == (ignored, pooler)
    found = credentials(url)
    assert found.get("timeout") == (3.0 if "connect_timeout" in url else None)
    assert found.get("target_session_attrs") == ("read-write" if "target_session" in url else None)
    if "fox" in url:
        assert found["server_settings"] == {"application_name": "fox", "options": "-c geqo=off"}


def test_certificates_become_tls():
    found = credentials("postgres://u@h/d?sslmode=verify-full&sslrootcert=system")["ssl"]
    assert isinstance(found, ssl.SSLContext)
    assert (found.verify_mode, found.check_hostname) == (ssl.CERT_REQUIRED, True)
    environment = libpq_environment("postgres://u:p@h/d?sslmode=verify-full&sslrootcert=system&channel_binding=require")
    assert environment == {
        "PGHOST": "h", "PGPORT": "5432", "PGUSER": "u", "PGDATABASE": "d", "PGPASSWORD": "p",
        "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "system", "PGCHANNELBINDING": "require",
    }  # fmt: skip


async def test_a_url_with_everything_connects(migrated: str, caplog: pytest.LogCaptureFixture):
    extra = "&application_name=fox&channel_binding=require&sslmode=disable&connect_timeout=5&options=-c%20geqo%3Doff"
    with caplog.at_level("INFO", "db.connection"):
        async with connect(migrated + extra):
            found = await rows("SELECT current_setting('application_name') AS name, current_setting('geqo') AS geqo")
    assert found == [{"name": "fox", "geqo": "off"}]
    assert "no effect here: channel_binding" in caplog.text
    connection = await asyncpg.connect(**credentials(migrated + extra))
    await connection.close()
