"""Settings and servers that do not fit together, found by `manage.py check`.

An error in the settings keeps every command of Django's from running; a doubt is for `check --deploy`. What has to be
asked of PostgreSQL, Redis and the other processes is checked with `--deploy --database default` (docs/operators.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DatabaseError

LOCAL_NAMES = {"localhost", "127.0.0.1", "[::1]"}
# What the flow's statements need at all, and what the service is tested with.
OLDEST_POSTGRES, GOOD_POSTGRES = 140000, 160000
GOOD_REDIS = (7, 0)
# Timers fire by the clock of a worker's host; customers notice more than that.
MOST_SKEW = timedelta(seconds=1)
REDIS_SECONDS = 2.0


@register(Tags.security)
def insecure_in_production(**_: Any) -> list[CheckMessage]:
    """What must never be behind HTTPS, which is how an installation says that it is in production."""
    found: list[CheckMessage] = []
    if settings.HTTPS and settings.SECRET_KEY.startswith("insecure"):
        found.append(
            Error(
                "SECRET_KEY is the one from the source code: everybody can sign sessions with it.",
                hint='Set it to the output of: python -c "import secrets; print(secrets.token_urlsafe(50))"',
                id="callbacksite.E001",
            )
        )
    if settings.HTTPS and settings.DEBUG:
        found.append(
            Error(
                "DEBUG is on together with HTTPS: errors would show settings to whoever causes one.",
                hint="Leave DEBUG unset in production.",
                id="callbacksite.E002",
            )
        )
    return found


@register(Tags.security)
def origins(**_: Any) -> list[CheckMessage]:
    """Origins are compared letter by letter, so one that no browser sends allows nobody."""
    return [
        Error(
            f'CORS_ALLOWED_ORIGINS: "{origin}" is no origin.',
            hint="Name each as the browser does: https://shop.example.org, with a port only where it is not the "
            "usual one, without a path. There is no sign for all.",
            id="callbacksite.E003",
        )
        for origin in settings.CORS_ALLOWED_ORIGINS
        if not _is_origin(origin)
    ]


@register(Tags.security, deploy=True)
def doubtful_in_production(**_: Any) -> list[CheckMessage]:
    return [
        Warning(text, hint=hint, id=f"callbacksite.{name}")
        for name, so, text, hint in (*_doubts(), *_mail_doubts())
        if so
    ]


def _doubts() -> Iterator[tuple[str, bool, str, str]]:
    yield (
        "W004",
        settings.BEHIND_PROXY and not settings.HTTPS,
        "BEHIND_PROXY has no effect without HTTPS.",
        "Set HTTPS=true where a proxy ends TLS in front of the service.",
    )
    yield (
        "W005",
        settings.API_ALLOW_ANONYMOUS,
        "API_ALLOW_ANONYMOUS: whoever reaches the API may have any number called.",
        "Leave it unset and give every client an API key, or let only trusted networks reach the API.",
    )
    yield (
        "W006",
        settings.SIMULATOR_SPEED != 1,
        "SIMULATOR_SPEED is set: simulated calls last no longer as long as real ones.",
        "Leave it unset; it is for tests and demonstrations.",
    )
    yield (
        "W007",
        settings.HTTPS and set(settings.ALLOWED_HOSTS) <= LOCAL_NAMES,
        "ALLOWED_HOSTS names this machine only: every request from outside is answered with 400.",
        "Set it to the names under which the web is reached, for example callbacks.example.org.",
    )
    yield (
        "W008",
        "*" in settings.FORWARDED_ALLOW_IPS.split(",") and not _is_local(settings.WEB_BIND),
        "FORWARDED_ALLOW_IPS=*: whoever reaches the web may claim to be the proxy.",
        "Name the proxies' addresses or networks.",
    )
    yield (
        "W009",
        not settings.DATABASES["default"]["OPTIONS"].get("options"),
        "DATABASE_MAINTENANCE is on: no statement has a time limit, so one that waits for a lock waits for ever.",
        "Set it in the shell for the one command that needs it, not in the service's environment.",
    )


def _mail_doubts() -> Iterator[tuple[str, bool, str, str]]:
    yield (
        "W023",
        settings.HTTPS and not settings.EMAIL_URL,
        "EMAIL_URL is unset: who has lost a password gets no link to a new one, and has to ask an administrator.",
        "Name the server that takes e-mails, and the sender in EMAIL_FROM.",
    )
    yield (
        "W024",
        settings.HTTPS and bool(settings.EMAIL_URL) and settings.DEFAULT_FROM_EMAIL.endswith("@localhost"),
        "EMAIL_FROM is unset: many servers refuse e-mails from callbacksite@localhost.",
        "Set it to an address of yours, for example callbacks@example.org.",
    )


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return bool(parts.hostname) and text == f"{parts.scheme}://{parts.netloc}" and parts.scheme in {"http", "https"}


def _is_local(bind: str) -> bool:
    return bind.startswith(("unix:", "127.", "localhost:", "[::1]:"))


# For --deploy only: `migrate` runs the others, and has to work without Redis.
@register(Tags.database, deploy=True)
def servers(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """PostgreSQL, Redis and who listens to the switches, as they are now."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        try:
            found += _postgres(connections[alias])
        except DatabaseError as error:
            text = f"PostgreSQL cannot be asked: {str(error).strip()}"
            found.append(Error(text, hint="DATABASE_URL says where it is.", id="callbacksite.E010"))
    return [*found, *_redis()] if databases else found


def _postgres(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    with connection.cursor() as cursor:
        before = datetime.now(UTC)
        cursor.execute("SELECT clock_timestamp(), current_setting('server_version_num')::int")
        at, version = cursor.fetchone()
        found += _clock(at, before, datetime.now(UTC))
        found += _version(version)
        cursor.execute("SELECT current_setting('lock_timeout'), pg_backend_pid()")
        lock_timeout, backend = cursor.fetchone()
        asked = connection.settings_dict["OPTIONS"].get("options", "")
        if "lock_timeout=2000" in asked and lock_timeout != "2s":
            text = "The time limits that the service asks for do not reach PostgreSQL."
            hint = "A pooler that ignores the parameter `options` swallows them: see docs/operators.md, Connections."
            found.append(Error(text, hint=hint, id="callbacksite.E012"))
    if _backend_of_another(connection) == backend:
        text = "Two connections share one session of PostgreSQL: a pooler gives sessions away by transaction."
        hint = "Advisory locks and settings belong to a session. Let it pool by session (pool_mode = session)."
        found.append(Error(text, hint=hint, id="callbacksite.E013"))
    return [*found, *_switches(connection)]


def _clock(at: datetime, before: datetime, after: datetime) -> list[CheckMessage]:
    """`at`: the database's clock, read between the two moments of this host's."""
    skew = max(before - at, at - after, timedelta())
    if skew <= MOST_SKEW:
        return []
    text = f"This host's clock and the database's differ by {skew.total_seconds():.1f} s."
    hint = "Keep both right with NTP (chrony, systemd-timesyncd): timers fire early or late by the difference."
    return [Warning(text, hint=hint, id="callbacksite.W014")]


def _version(version: int) -> list[CheckMessage]:
    text = f"PostgreSQL {version // 10000} is too old."
    if version < OLDEST_POSTGRES:
        return [Error(text, hint="Use 16 or newer.", id="callbacksite.E011")]
    if version < GOOD_POSTGRES:
        text = f"PostgreSQL {version // 10000} is older than what the service is tested with."
        return [Warning(text, hint="Use 16 or newer.", id="callbacksite.W011")]
    return []


def _backend_of_another(connection: BaseDatabaseWrapper) -> int:
    """The server's process that a second connection gets inside a transaction, while the first is open and idle."""
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return int(cursor.fetchone()[0])
    finally:
        other.close()


def _switches(connection: BaseDatabaseWrapper) -> list[CheckMessage]:
    """Empty before the first migration."""
    from telephony import lease
    from telephony.models import Switch

    if Switch._meta.db_table not in connection.introspection.table_names():
        return []
    found: list[CheckMessage] = []
    simulated = sorted(Switch.objects.filter(kind=Switch.Kind.SIMULATOR).values_list("name", flat=True))
    if settings.HTTPS and simulated:
        text = f"Simulated switches in production: {', '.join(simulated)}. Nobody is called by them."
        hint = "Delete them in admin, with their route points, when the trial is over."
        found.append(Warning(text, hint=hint, id="callbacksite.W015"))
    live = lease.live_switches().values("pk")
    silent = sorted(Switch.objects.exclude(pk__in=live).values_list("name", flat=True))
    if silent:
        text = f"Nobody listens to: {', '.join(silent)}. Nothing is dialled there."
        hint = "Start manage.py telephony, or look into its log."
        found.append(Warning(text, hint=hint, id="callbacksite.W016"))
    return found


def _redis() -> list[CheckMessage]:
    limits = {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}
    try:
        with redis.Redis.from_url(settings.REDIS_URL, **limits) as client:
            server: dict[str, Any] = client.info("server")
            memory: dict[str, Any] = client.info("memory")
    except redis.RedisError as error:
        text = f"Redis cannot be asked: {error}"
        return [Error(text, hint="REDIS_URL says where it is.", id="callbacksite.E020")]
    return redis_fit(version=str(server["redis_version"]), policy=str(memory["maxmemory_policy"]))


def redis_fit(*, version: str, policy: str) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if tuple(int(part) for part in version.split(".")[:2]) < GOOD_REDIS:
        text = f"Redis {version} is past its end of life."
        found.append(Warning(text, hint="Use 7 or newer.", id="callbacksite.W021"))
    if policy != "noeviction":
        text = f"Redis may throw kicks away (maxmemory-policy {policy}): callbacks are then 2 to 4 seconds late."
        hint = "Set maxmemory-policy noeviction, and give Redis to nobody else."
        found.append(Warning(text, hint=hint, id="callbacksite.W022"))
    return found
