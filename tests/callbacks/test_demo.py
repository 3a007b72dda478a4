"""The demo configuration: complete, loaded again without harm, and nowhere but on one's own machine."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import override_settings

from callbacks import demo
from services.models import ApiKey, ConfiguredService
from telephony.models import Agent

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]


@pytest.fixture(autouse=True)
def _quick_passwords() -> Iterator[None]:
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


def test_loading_leaves_a_contact_centre_at_work(tmp_path: Path) -> None:
    demo.load(tmp_path, NOW)
    assert {service.name: service.problems for service in ConfiguredService.objects.all()} == {
        "voice-userterm-immediate": [],
        "user-scheduled": [],
    }
    assert list(Agent.objects.order_by("name").values_list("name", "state", "groups__name")) == [
        ("kate", "ready", "Billing"),
        ("mia", "ready", "Billing"),
        ("omar", "ready", "Billing"),
    ]
    assert User.objects.get(username="admin").is_superuser
    assert User.objects.get(username="sam").has_perm("callbacks.view_callback")
    assert User.objects.get(username="kate").agent.name == "kate"


def test_the_secrets_are_for_their_owner_and_open_what_they_should(tmp_path: Path) -> None:
    demo.load(tmp_path, NOW)
    known = demo.Secrets.read(tmp_path)
    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600
    assert {
        name for name, password in known.passwords.items() if User.objects.get(username=name).check_password(password)
    } == {
        "admin",
        "sam",
        "kate",
    }
    assert ApiKey.objects.get_from_key(known.api_key).scopes == ["start", "query"]


def test_loading_again_changes_nothing_that_a_person_changed(tmp_path: Path) -> None:
    demo.load(tmp_path, NOW)
    before = demo.Secrets.read(tmp_path)
    ConfiguredService.objects.filter(name="user-scheduled").update(configuration="Custom")
    User.objects.filter(username="admin").update(password="another")
    Agent.objects.filter(name="omar").update(sip_address="PJSIP/omar", state="logged_out")
    Agent.objects.filter(name="mia").update(state="not_ready", reason="no answer")
    demo.load(tmp_path, NOW)
    assert demo.Secrets.read(tmp_path) == before
    # The one of the file, and the one of the web page.
    assert ApiKey.objects.count() == 2
    assert ConfiguredService.objects.get(name="user-scheduled").configuration == "Custom"
    assert User.objects.get(username="admin").password == "another"
    # The simulated one goes back to work, the one with a real phone decides that herself.
    assert dict(Agent.objects.values_list("name", "state")) == {"kate": "ready", "mia": "ready", "omar": "logged_out"}


def test_a_key_whose_text_was_lost_is_revoked(tmp_path: Path) -> None:
    demo.load(tmp_path, NOW)
    (tmp_path / "demo.json").unlink()
    demo.load(tmp_path, NOW)
    assert ApiKey.objects.filter(revoked=True).count() == 1
    assert ApiKey.objects.get_from_key(demo.Secrets.read(tmp_path).api_key)
    # An account is not taken over: its password stays what it was, and is not known here.
    assert demo.Secrets.read(tmp_path).passwords == {}


@override_settings(HTTPS=True)
def test_nothing_is_loaded_behind_tls(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="not loaded with HTTPS=true"):
        call_command("demo", "load", folder=str(tmp_path), stdout=io.StringIO())
    assert not User.objects.exists()
    assert not ConfiguredService.objects.exists()
    assert list(tmp_path.iterdir()) == []
