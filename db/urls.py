"""DATABASE_URL: what of libpq's parameters is taken, and messages that name what is wrong with it."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

FORM: Final = "postgres://user:password@host:5432/name"
_SCHEMES: Final = {"postgres", "postgresql"}
_SSL_FILES: Final = {"sslrootcert", "sslcert", "sslkey", "sslcrl", "sslpassword"}
_SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_PORT: Final = 5432
_SERVER_SETTINGS: Final = {"application_name", "options"}
_DRIVER: Final = {"target_session_attrs", "krbsrvname", "gsslib", "passfile"}
_PLACE: Final = {"host", "hostaddr", "port", "user", "password", "dbname", "connect_timeout", "sslmode"}
_NO_CACHE: Final = {"statement_cache_size", "prepared_statement_cache_size", "prepareThreshold"}
_POOLER: Final = {"pgbouncer", *_NO_CACHE}
_IGNORED: Final = {
    # libpq's: the driver has nothing of the kind, or we set it ourselves
    "channel_binding", "client_encoding", "fallback_application_name", "gssdelegation", "gssencmode", "keepalives",
    "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts", "max_protocol_version",
    "min_protocol_version", "require_auth", "requirepeer", "requiressl", "ssl_max_protocol_version",
    "ssl_min_protocol_version", "sslcertmode", "sslcompression", "sslcrldir", "sslkeylogfile", "sslnegotiation",
    "sslsni", "tcp_user_timeout",
    # what hosters and other clients add
    "connection_limit", "max_connections", "pool_mode", "pool_size", "pool_timeout", "socket_timeout", "sslaccept",
    "supa", "uselibpqcompat", "workaround",
}  # fmt: skip
_PASSWORD: Final = (
    "the password in DATABASE_URL contains a character that ends it: write @ as %40, / as %2F, : as %3A, ? as %3F, "
    f"# as %23 and % as %25, as in {FORM}"
)


class BadDatabaseUrl(ValueError):
    """The URL cannot be used; the message says what is expected, and never shows the password."""

    loggable = True


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """The parts of a URL; ``parameters`` are all that stand behind the question mark."""

    host: str
    port: int
    user: str
    password: str | None
    database: str
    parameters: dict[str, str]

    @property
    def ignored(self) -> list[str]:
        """The parameters that have no effect, sorted."""
        return sorted(self.parameters.keys() & _IGNORED)

    @property
    def behind_pooler(self) -> bool | None:
        """Whether a pooler such as PgBouncer is said to stand before the server; None: nothing is said."""
        if "pgbouncer" in self.parameters:
            return self.parameters["pgbouncer"].lower() in {"true", "1", "yes", "on", ""}
        return True if any(self.parameters.get(name) == "0" for name in _NO_CACHE) else None


def parse(url: str) -> DatabaseUrl:
    """Return the parts of a database URL.

    ``postgres://user:password@host:5432/name`` or ``postgres://user@/name?host=/socket/dir``, with libpq's parameters.
    Raises `BadDatabaseUrl`.
    """
    if url[:1] in {"'", '"'}:
        raise BadDatabaseUrl("DATABASE_URL stands in quotes: leave them out")
    if url.partition("://")[0] not in _SCHEMES:
        raise BadDatabaseUrl("DATABASE_URL must start with postgres:// (PostgreSQL is the only database supported)")
    try:
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        raise BadDatabaseUrl(_PASSWORD) from None
    if parts.fragment or "@" in parts.path or "@" in parts.query:
        raise BadDatabaseUrl(_PASSWORD)
    if "," in parts.netloc.rpartition("@")[2]:
        raise BadDatabaseUrl("DATABASE_URL names several hosts: name one, the primary or a proxy that finds it")
    if query.keys() & {"search_path", "schema", "currentSchema"} or "search_path" in query.get("options", ""):
        raise BadDatabaseUrl(
            "DATABASE_URL names a schema, but Storyfork's tables stand in the schema public: "
            "give each deployment a database of its own"
        )
    unknown = query.keys() - _PLACE - _SSL_FILES - _SERVER_SETTINGS - _DRIVER - _POOLER - _IGNORED
    if unknown:
        raise BadDatabaseUrl(f"DATABASE_URL has unknown parameters: {', '.join(sorted(unknown))}")
    if (mode := query.get("sslmode", "prefer")) not in _SSL_MODES:
        raise BadDatabaseUrl(f"sslmode in DATABASE_URL is none of {', '.join(_SSL_MODES)}: {mode}")
    name = unquote(parts.path.lstrip("/")) or query.get("dbname", "")
    if not name:
        raise BadDatabaseUrl("DATABASE_URL names no database: postgres://user@host/NAME")
    port = _port(query.get("port") or parts.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2])
    password = unquote(parts.password) if parts.password is not None else query.get("password")
    return DatabaseUrl(
        query.get("hostaddr") or query.get("host") or parts.hostname or "localhost",
        port,
        unquote(parts.username or "") or query.get("user") or "postgres",
        password or None,
        name,
        query,
    )


def _port(text: str) -> int:
    if not text:
        return _PORT
    if not (text.isascii() and text.isdigit()):
        # Without "@" before the port, what stands there may be a password that was cut off at its "/".
        raise BadDatabaseUrl(f"the port in DATABASE_URL is not a number (or {_PASSWORD})")
    if not 0 < int(text) < 1 << 16:
        raise BadDatabaseUrl("the port in DATABASE_URL must be between 1 and 65535")
    return int(text)


def credentials(url: str) -> dict[str, Any]:
    """Return asyncpg's connection arguments for a database URL. Raises `BadDatabaseUrl`."""
    parsed = parse(url)
    query = parsed.parameters
    found: dict[str, Any] = {
        "host": parsed.host,
        "port": parsed.port,
        "user": parsed.user,
        "password": parsed.password,
        "database": parsed.database,
    }
    if query.keys() & _SSL_FILES:
        found["ssl"] = _context(query)
    elif "sslmode" in query:
        found["ssl"] = query["sslmode"]
    if query.get("connect_timeout", "").isdigit() and int(query["connect_timeout"]) > 0:
        found["timeout"] = float(query["connect_timeout"])
    if settings := {name: query[name] for name in _SERVER_SETTINGS & query.keys()}:
        found["server_settings"] = settings
    return found | {name: query[name] for name in _DRIVER & query.keys()}


def libpq_environment(url: str) -> dict[str, str]:
    """Return the environment variables by which PostgreSQL's own programs connect. Raises `BadDatabaseUrl`."""
    parsed = parse(url)
    names = {"sslmode", "channel_binding", "gssencmode", "connect_timeout", "target_session_attrs", "krbsrvname",
             "gsslib", "passfile", "options", *_SSL_FILES}  # fmt: skip
    found = {
        "PGHOST": parsed.host,
        "PGPORT": str(parsed.port),
        "PGUSER": parsed.user,
        "PGDATABASE": parsed.database,
        "PGPASSWORD": parsed.password or "",
        "PGAPPNAME": parsed.parameters.get("application_name", ""),
        **{f"PG{name.replace('_', '').upper()}": value for name, value in parsed.parameters.items() if name in names},
    }
    return {name: value for name, value in found.items() if value}


def _context(query: dict[str, str]) -> ssl.SSLContext | str:
    """Return TLS as libpq's parameters describe it. The files are read here and now."""
    mode, root = query.get("sslmode", "require"), query.get("sslrootcert", "")
    if mode == "disable":
        return mode
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = mode == "verify-full"
    try:
        if root and root != "system":
            context.load_verify_locations(cafile=Path(root).expanduser())
        elif mode in {"verify-ca", "verify-full"} or root:
            context.load_default_certs()
            context.check_hostname = True  # a public authority signs for everybody
        else:
            context.verify_mode = ssl.CERT_NONE
        if query.get("sslcrl"):
            context.load_verify_locations(cafile=Path(query["sslcrl"]).expanduser())
            context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
        if query.get("sslcert"):
            key = query.get("sslkey") or None
            context.load_cert_chain(query["sslcert"], key, query.get("sslpassword") or None)
    except (OSError, ssl.SSLError) as e:
        raise BadDatabaseUrl(f"a certificate that DATABASE_URL names cannot be used: {e}") from None
    return context
