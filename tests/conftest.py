from __future__ import annotations

import math
from typing import Any

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from pytest_django import Settings

from callbacks import standing
from callbacksite import kept
from services import pauses
from telephony import predictions, workforce
from tests.factories import have_roles


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """Debian's Chromium instead of a download; as root it runs only without its sandbox."""
    return {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox", "--disable-dev-shm-usage"]}


@pytest.fixture(autouse=True)
def nobody_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who serves which target is remembered for seconds; other people live in the next test's database."""
    monkeypatch.setattr(workforce, "_known", workforce._Audience(-math.inf, frozenset(), frozenset(), {}))
    # What is read for everybody who looks is kept for a second; so is every estimate for a while.
    monkeypatch.setattr(kept, "SECONDS", 0.0)
    monkeypatch.setattr(standing, "_estimates", {})
    # Stories are told faster than callers come.
    monkeypatch.setattr(predictions, "SPACING", 0.0)


@pytest.fixture(autouse=True)
def nothing_seems_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is paused is shown for a second before it is read anew: where that is tested it is read, `reads_pauses`."""
    monkeypatch.setattr(pauses, "_shown", pauses._Shown(read_at=math.inf))


@pytest.fixture
def reads_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are read whenever a page shows them."""
    monkeypatch.setattr(pauses, "_shown", pauses._Shown())
    monkeypatch.setattr(pauses, "KEPT", 0.0)
    monkeypatch.setattr(pauses, "REACH_KEPT", 0.0)


@pytest.fixture
def roles(db: None) -> None:
    """The groups that migrations make, also after a test that has emptied the database."""
    have_roles()


@pytest.fixture(autouse=True)
def nobody_is_locked_out(settings: Settings) -> None:
    """Failures to sign in are counted where that is what is tested."""
    settings.AXES_ENABLED = False


@receiver(connection_created)
def be_patient(connection: BaseDatabaseWrapper, **_: object) -> None:
    """A test keeps its transaction open while it thinks; the limit on idle transactions is for the service."""
    with connection.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = 0")
