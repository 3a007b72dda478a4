"""The change log: what it keeps, and that every version can be brought back."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from callbacks import actions as callback_actions
from callbacks.flow.states import State
from callbacks.models import Callback
from services import actions, changes, documents, uses
from services.configuration import applying
from services.documents import Refused
from services.models import QUERY, START, ApiKey, Change, ConfiguredService
from telephony.models import Agent, AgentGroup, RoutePoint, VirtualQueue
from tests.factories import CallbackFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LATER = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
FILE = {
    "services": {"voice": {"configuration": "User Terminated Immediate", "options": {"_urs_virtual_queue": "VQ"}}},
    "virtual_queues": ["VQ", "VQ2"],
    "route_points": ["8999@S"],
    "agents": ["kate", "omar"],
    "agent_groups": [{"name": "Billing", "agents": ["kate"]}],
}
VOICE = {
    "type": "callback",
    "configuration": "User Terminated Immediate",
    "options": {"_urs_virtual_queue": "VQ"},
}


@pytest.fixture
def kinds_of_higher_floors() -> None:
    """The real ones, instead of this folder's doubles."""


@pytest.fixture
def voice() -> ConfiguredService:
    applying.apply(FILE, actor="configure", now=NOW)
    return ConfiguredService.objects.get(name="voice")


def configure(**parts: object) -> None:
    applying.apply(parts, actor="configure", now=NOW)


def story(part: str, name: str) -> list[tuple[str, str, str]]:
    """Oldest first: what was done, by whom and why."""
    found = Change.objects.filter(part=part, name=name).order_by("pk")
    return [(change.verb, change.actor, change.reason) for change in found]


def test_one_change_with_who_when_and_why() -> None:
    change = changes.record(
        part="sections",
        name="callback",
        before=None,
        after={"a": "1"},
        actor="admin",
        reason="a trial",
        now=NOW,
        secrets=["password"],
    )
    assert change is not None
    stored = Change.objects.get()
    assert (stored.part, stored.name, stored.at, stored.actor, stored.reason) == (
        "sections",
        "callback",
        NOW,
        "admin",
        "a trial",
    )
    assert (stored.before, stored.after, stored.secrets) == (None, {"a": "1"}, ["password"])
    assert str(stored) == "sections callback: added by admin"


def test_nothing_is_written_when_nothing_changed() -> None:
    assert (
        changes.record(part="sections", name="x", before={"a": "1"}, after={"a": "1"}, actor="admin", now=NOW) is None
    )
    assert not Change.objects.exists()


def test_every_row_of_the_configuration_has_a_document(voice: ConfiguredService) -> None:
    part = documents.part_of(voice)
    assert (part.name, part.key(voice), part.document(voice)) == ("services", "voice", VOICE)
    point = RoutePoint.objects.get()
    part = documents.part_of(point)
    assert (part.name, part.key(point)) == ("route_points", "8999@S")
    assert part.document(point) == {"switch": "S", "endpoint": "{number}"}
    with pytest.raises(LookupError, match="Callback is no part of the configuration"):
        documents.part_of(Callback)


def test_any_version_can_be_restored(voice: ConfiguredService) -> None:
    first = Change.objects.get(part="services")
    configure(services={"voice": {"configuration": "Custom", "options": {"_ttl": 60, "_urs_virtual_queue": "VQ2"}}})
    found = changes.restore(first, actor="sam", reason="it was better", now=LATER)
    assert [(each.part, each.name) for each in found] == [("services", "voice")]
    voice.refresh_from_db()
    assert (voice.configuration, voice.options) == ("User Terminated Immediate", {"_urs_virtual_queue": "VQ"})
    assert story("services", "voice") == [
        ("added", "configure", ""),
        ("changed", "configure", ""),
        ("changed", "sam", "it was better"),
    ]
    last = Change.objects.filter(part="services").latest("pk")
    assert (last.at, last.after) == (LATER, first.after)


def test_restoring_what_is_so_already_writes_nothing(voice: ConfiguredService) -> None:
    before = Change.objects.count()
    assert not changes.restore(Change.objects.get(part="services"), actor="sam", now=LATER)
    assert Change.objects.count() == before


def test_what_was_deleted_comes_back(voice: ConfiguredService) -> None:
    applying.apply({"services": {}, "agent_groups": [], "agents": ["omar"]}, actor="sam", now=NOW, prune=True)
    assert not ConfiguredService.objects.exists()
    changes.undo(Change.objects.get(part="services", after__isnull=True), actor="sam", now=LATER)
    assert ConfiguredService.objects.get().options == {"_urs_virtual_queue": "VQ"}
    # A group comes back only with agents that are there.
    group = Change.objects.get(part="agent_groups", after__isnull=True)
    with pytest.raises(Refused) as refused:
        changes.undo(group, actor="sam", now=LATER)
    assert refused.value.errors == (
        "agent_groups.Billing.agents: 'kate' was given, allowed is the name of an agent: omar.",
    )
    assert not AgentGroup.objects.exists()
    changes.undo(Change.objects.get(part="agents", after__isnull=True), actor="sam", now=LATER)
    changes.undo(group, actor="sam", now=LATER)
    assert [agent.name for agent in AgentGroup.objects.get().agents.all()] == ["kate"]


def test_an_addition_is_undone(voice: ConfiguredService) -> None:
    changes.undo(Change.objects.get(part="virtual_queues", name="VQ2"), actor="sam", now=LATER)
    assert not VirtualQueue.objects.filter(name="VQ2").exists()
    assert story("virtual_queues", "VQ2") == [("added", "configure", ""), ("deleted", "sam", "")]


def test_an_addition_that_is_used_stays(voice: ConfiguredService) -> None:
    with pytest.raises(Refused) as refused:
        changes.undo(Change.objects.get(part="virtual_queues", name="VQ"), actor="sam", now=LATER)
    assert refused.value.errors == (
        "virtual_queues.VQ: cannot be removed, it is used: service voice, option _urs_virtual_queue.",
    )
    assert VirtualQueue.objects.filter(name="VQ").exists()


def test_a_version_that_is_no_longer_allowed_is_refused(voice: ConfiguredService) -> None:
    first = Change.objects.get(part="services")
    configure(services={"voice": {"options": {"_urs_virtual_queue": "VQ2"}}})
    applying.apply({}, remove={"virtual_queues": ["VQ"]}, actor="sam", now=NOW)
    count = Change.objects.count()
    with pytest.raises(Refused) as refused:
        changes.restore(first, actor="sam", now=LATER)
    assert refused.value.errors == (
        "services.voice.options._urs_virtual_queue: 'VQ' was given, allowed is the name of a configured virtual queue.",
    )
    voice.refresh_from_db()
    assert (voice.options, Change.objects.count()) == ({"_urs_virtual_queue": "VQ2"}, count)


def test_after_a_deletion_there_is_nothing_to_restore_but_the_absence(voice: ConfiguredService) -> None:
    applying.apply({}, remove={"services": ["voice"]}, actor="sam", now=NOW)
    deletion = Change.objects.get(part="services", after__isnull=True)
    configure(services=FILE["services"])
    changes.restore(deletion, actor="sam", now=LATER)
    assert not ConfiguredService.objects.exists()


def test_a_restored_version_leaves_secrets_as_they_are(voice: ConfiguredService) -> None:
    first = Change.objects.get(part="services")
    configure(services={"voice": {"options": {"_password": "s3cret", "_ttl": "60"}}})
    assert Change.objects.filter(part="services").latest("pk").secrets == ["_password"]
    changes.restore(first, actor="sam", now=LATER)
    voice.refresh_from_db()
    assert voice.options == {"_urs_virtual_queue": "VQ", "_password": "s3cret"}


class TestDeletingAService:
    def delete(self, service: ConfiguredService) -> None:
        actions.delete_service(service, actor="sam", reason="closed", now=LATER)

    def test_one_that_nothing_needs_goes_into_the_log(self, voice: ConfiguredService) -> None:
        self.delete(voice)
        assert not ConfiguredService.objects.exists()
        change = Change.objects.filter(part="services").latest("pk")
        assert (change.name, change.before, change.after, change.actor, change.reason, change.at) == (
            "voice",
            VOICE,
            None,
            "sam",
            "closed",
            LATER,
        )

    def test_completed_callbacks_stay_with_its_name(self, voice: ConfiguredService) -> None:
        CallbackFactory.create(service=voice, state=State.COMPLETED)
        self.delete(voice)
        callback = Callback.objects.get()
        assert (callback.service, callback.service_name) == (None, "voice")

    def test_everything_that_stands_in_the_way_is_listed(self, voice: ConfiguredService) -> None:
        CallbackFactory.create_batch(2, service=voice, state=State.SCHEDULED)
        CallbackFactory.create(service=voice, state=State.COMPLETED)
        key, _ = ApiKey.objects.create_key(name="mobile app", scopes=[START])
        key.services.add(voice)
        with pytest.raises(actions.InUse) as in_use:
            self.delete(voice)
        assert str(in_use.value) == (
            f"voice cannot be deleted: API keys that are limited to it: mobile app ({key.prefix}…); "
            "callbacks that are not completed: 2."
        )
        assert ConfiguredService.objects.exists()
        assert not Change.objects.filter(after__isnull=True).exists()
        assert Callback.objects.filter(service=voice).count() == 3

    def test_one_that_is_gone_already(self, voice: ConfiguredService) -> None:
        gone = ConfiguredService.objects.get()
        self.delete(voice)
        self.delete(gone)
        assert Change.objects.filter(part="services", after__isnull=True).count() == 1

    def test_the_database_keeps_live_callbacks_from_losing_their_service(self, voice: ConfiguredService) -> None:
        callback = CallbackFactory.create(service=voice)
        with pytest.raises(IntegrityError, match="callback_live_has_service"), transaction.atomic():
            Callback.objects.filter(pk=callback.pk).update(service=None)

    def test_its_completed_callbacks_are_still_found_and_shown(self, voice: ConfiguredService) -> None:
        callback = CallbackFactory.create(service=voice, state=State.COMPLETED)
        self.delete(voice)
        _, key = ApiKey.objects.create_key(name="reports", scopes=[QUERY])
        client = Client(headers={"x-api-key": key})
        (record,) = client.get("/genesys/1/service/callback", {"_id": callback.pk}).json()
        assert (record["_id"], record["_service_name"]) == (callback.pk, "voice")
        assert record["_url"] == f"http://testserver/genesys/1/service/callback/voice/{callback.pk}"
        client.force_login(User.objects.create_superuser("admin"))
        page = client.get(reverse("callback-detail", args=[callback.pk]))
        assert page.status_code == 200
        assert "voice" in page.content.decode()
        assert 'id="service-link"' not in page.content.decode()

    def test_agents_and_other_rows_are_not_touched(self, voice: ConfiguredService) -> None:
        self.delete(voice)
        assert (Agent.objects.count(), VirtualQueue.objects.count()) == (2, 2)
        assert Change.objects.filter(after__isnull=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_start_that_comes_just_too_late_stores_nothing() -> None:
    applying.apply(FILE, actor="configure", now=NOW)
    read = ConfiguredService.objects.get()
    actions.delete_service(ConfiguredService.objects.get(), actor="sam", now=LATER)
    parameters = {"_customer_number": "5115"}
    with pytest.raises(callback_actions.ServiceGone, match="voice"):
        callback_actions.start(service=read, parameters=parameters, desired_at=None, actor="app", now=LATER)
    assert not Callback.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("locked", [True, False])
def test_a_start_in_the_middle_of_a_deletion(locked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits and finds no service. Without the lock, the control, it comes through, and the constraint decides."""
    options = {"_urs_virtual_queue": "VQ", "_target": "Billing@S.GA", "_route_point": "8999@S"}
    services = {"voice": {"configuration": "User Terminated Immediate", "options": options}}
    applying.apply({**FILE, "services": services}, actor="configure", now=NOW)
    read = ConfiguredService.objects.get()
    outcomes: list[str] = []

    def start() -> None:
        parameters = {"_customer_number": "5115"}
        try:
            callback_actions.start(service=read, parameters=parameters, desired_at=None, actor="app", now=LATER)
            outcomes.append("started")
        except callback_actions.ServiceGone:
            outcomes.append("no service")
        finally:
            connection.close()

    starting = threading.Thread(target=start)

    def nothing_uses_it(service: ConfiguredService) -> list[str]:
        starting.start()
        starting.join(timeout=1)
        return []

    monkeypatch.setattr(uses, "of_service", nothing_uses_it)
    if not locked:
        monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **kwargs: rows)
    try:
        actions.delete_service(ConfiguredService.objects.get(), actor="sam", now=LATER)
        outcomes.append("deleted")
    except actions.InUse as in_use:
        outcomes.append(str(in_use))
    starting.join()
    if locked:
        assert sorted(outcomes) == ["deleted", "no service"]
        assert (ConfiguredService.objects.count(), Callback.objects.count()) == (0, 0)
    else:
        assert outcomes == ["started", "voice cannot be deleted: a callback of it was just started."]
        assert Callback.objects.get().service == read
