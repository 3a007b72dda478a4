"""`manage.py check` finds settings and servers that do not fit together, and says what to do."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.core.checks import CheckMessage, run_checks
from django.db import OperationalError, connection
from django.db.models.functions import Now

from callbacksite import checks
from telephony.models import Switch

HOSTED = {
    "HTTPS": True,
    "SECRET_KEY": "f" * 30 + "0123456789abcdefghijklmnop",
    "ALLOWED_HOSTS": ["callbacks.example.org"],
    "EMAIL_URL": {"EMAIL_HOST": "mail.example.org"},
    "DEFAULT_FROM_EMAIL": "callbacks@example.org",
}
NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


def found(deploy: bool = True, databases: list[str] | None = None) -> list[str]:
    """The ids of our own messages."""
    messages = run_checks(include_deployment_checks=deploy, databases=databases)
    ours = [message for message in messages if (message.id or "").startswith("callbacksite.")]
    assert all(message.hint for message in ours)
    return [str(message.id) for message in ours]


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({}, []),
        ({"SECRET_KEY": "insecure-only-for-local-use-set-SECRET_KEY-in-production-0123456789"}, ["E001"]),
        ({"DEBUG": True}, ["E002"]),
        ({"CORS_ALLOWED_ORIGINS": ["*"]}, ["E003"]),
        ({"CORS_ALLOWED_ORIGINS": ["https://shop.example.org/", "shop.example.org"]}, ["E003", "E003"]),
        ({"CORS_ALLOWED_ORIGINS": ["https://shop.example.org", "http://localhost:3000"]}, []),
        ({"HTTPS": False, "BEHIND_PROXY": True}, ["W004"]),
        ({"BEHIND_PROXY": True}, []),
        ({"API_ALLOW_ANONYMOUS": True}, ["W005"]),
        ({"SIMULATOR_SPEED": 20.0}, ["W006"]),
        ({"ALLOWED_HOSTS": ["localhost", "127.0.0.1"]}, ["W007"]),
        ({"FORWARDED_ALLOW_IPS": "*", "WEB_BIND": "0.0.0.0:8000"}, ["W008"]),
        ({"FORWARDED_ALLOW_IPS": "*", "WEB_BIND": "unix:/run/web.sock"}, []),
        ({"FORWARDED_ALLOW_IPS": "10.0.0.7", "WEB_BIND": "0.0.0.0:8000"}, []),
        ({"DATABASES": {"default": {"OPTIONS": {}}}}, ["W009"]),
        ({"EMAIL_URL": {}}, ["W023"]),
        ({"DEFAULT_FROM_EMAIL": "callbacksite@localhost"}, ["W024"]),
    ],
)
def test_settings_that_do_not_fit_together(settings: Any, given: dict[str, Any], ids: list[str]) -> None:
    for name, value in {**HOSTED, **given}.items():
        setattr(settings, name, value)
    assert found() == [f"callbacksite.{name}" for name in ids]


def test_a_developers_machine_is_left_in_peace(settings: Any) -> None:
    settings.HTTPS, settings.DEBUG = False, True
    assert found(deploy=False) == []


def test_errors_hold_every_command_up_and_warnings_do_not(settings: Any) -> None:
    settings.HTTPS, settings.DEBUG, settings.API_ALLOW_ANONYMOUS = True, True, True
    settings.SECRET_KEY = "insecure"
    assert found(deploy=False) == ["callbacksite.E001", "callbacksite.E002"]


@pytest.mark.django_db
class TestServers:
    def test_a_service_that_runs_well(self, settings: Any) -> None:
        settings.HTTPS = True
        Switch.objects.create(name="Berlin", kind=Switch.Kind.ASTERISK, reachable_at=Now(), lease_until=Now())
        Switch.objects.update(lease_until=Now() + timedelta(seconds=6))
        with mock.patch.object(checks, "_redis", return_value=[]):
            assert checks.servers(databases=["default"]) == []

    def test_nothing_is_asked_without_being_told_to(self) -> None:
        with mock.patch.object(checks, "_redis", side_effect=AssertionError):
            assert checks.servers(databases=None) == []

    def test_a_migration_needs_no_redis(self) -> None:
        """`migrate` runs every check of the database that is not for deployment."""
        with mock.patch.object(checks, "_redis", side_effect=AssertionError):
            assert found(deploy=False, databases=["default"]) == []
        with mock.patch.object(checks, "_redis", return_value=[]) as asked:
            found(databases=["default"])
        assert asked.call_count == 1

    def test_a_simulator_in_production_to_which_nobody_listens(self, settings: Any) -> None:
        Switch.objects.create(name="SIP_Switch", kind=Switch.Kind.SIMULATOR)
        settings.HTTPS = True
        messages = checks._switches(connection)
        assert ids_of(messages) == ["callbacksite.W015", "callbacksite.W016"]
        assert messages[1].msg == "Nobody listens to: SIP_Switch. Nothing is dialled there."
        settings.HTTPS = False
        assert ids_of(checks._switches(connection)) == ["callbacksite.W016"]

    def test_a_database_before_its_first_migration(self) -> None:
        with mock.patch.object(connection.introspection, "table_names", return_value=[]):
            assert checks._switches(connection) == []

    def test_time_limits_that_a_pooler_swallowed(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = 0")
        assert ids_of(checks._postgres(connection)) == ["callbacksite.E012"]

    def test_a_pooler_that_gives_sessions_away_by_transaction(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            [backend] = cursor.fetchone()
        assert checks._backend_of_another(connection) != backend
        with mock.patch.object(checks, "_backend_of_another", return_value=backend):
            assert ids_of(checks._postgres(connection)) == ["callbacksite.E013"]

    def test_a_database_that_does_not_answer(self) -> None:
        with (
            mock.patch.object(checks, "_redis", return_value=[]),
            mock.patch.object(checks, "_postgres", side_effect=OperationalError("connection refused\n")),
        ):
            [message] = checks.servers(databases=["default"])
        assert message.id == "callbacksite.E010"
        assert message.msg == "PostgreSQL cannot be asked: connection refused"


@pytest.mark.parametrize(("version", "ids"), [(130012, ["E011"]), (150018, ["W011"]), (160000, []), (180006, [])])
def test_versions_of_postgresql(version: int, ids: list[str]) -> None:
    assert ids_of(checks._version(version)) == [f"callbacksite.{name}" for name in ids]


@pytest.mark.parametrize(
    ("at", "ids"),
    [
        (timedelta(), []),
        (timedelta(seconds=0.9), []),
        (timedelta(seconds=-0.9), []),
        (timedelta(seconds=7.2), ["W014"]),
        (timedelta(seconds=-7), ["W014"]),
    ],
)
def test_clocks(at: timedelta, ids: list[str]) -> None:
    """The question took 0.2 s, which may not count as a difference."""
    messages = checks._clock(NOW + at, NOW, NOW + timedelta(seconds=0.2))
    assert ids_of(messages) == [f"callbacksite.{name}" for name in ids]
    if messages:
        assert messages[0].msg == "This host's clock and the database's differ by 7.0 s."


@pytest.mark.parametrize(
    ("version", "policy", "ids"),
    [
        ("7.0.15", "noeviction", []),
        ("8.2", "noeviction", []),
        ("6.2.14", "noeviction", ["W021"]),
        ("7.2.4", "allkeys-lru", ["W022"]),
    ],
)
def test_redis(version: str, policy: str, ids: list[str]) -> None:
    assert ids_of(checks.redis_fit(version=version, policy=policy)) == [f"callbacksite.{name}" for name in ids]


def test_the_redis_that_runs_is_asked() -> None:
    assert ids_of(checks._redis()) in ([], ["callbacksite.W021"])


def test_a_redis_that_is_not_there(settings: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://:hush@127.0.0.1:{unused.getsockname()[1]}/0"
        [message] = checks._redis()
    assert message.id == "callbacksite.E020"
    assert "hush" not in message.msg


def ids_of(messages: list[CheckMessage]) -> list[str]:
    return [str(message.id) for message in messages]
