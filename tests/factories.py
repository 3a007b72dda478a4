"""Rows for tests. A callback comes as the machine would have left it: stage and session fit the state."""

# factory_boy's declarations have no types.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.db import connection
from factory.declarations import LazyAttribute, LazyFunction, SelfAttribute, Sequence, SubFactory
from factory.django import DjangoModelFactory

from callbacks import configured, roles
from callbacks.flow.options import FLOW_OPTIONS
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import Reason, State
from callbacks.jobs.models import Job
from callbacks.models import Attempt, Callback, JournalEntry
from services.models import ConfiguredService
from services.people_models import PersonScope
from telephony.models import Agent, AgentGroup, RoutePoint, Switch, VirtualQueue

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PASSWORD = "a calm afternoon"

_STAGES = {
    State.SCHEDULED: Stage.SCHEDULED,
    State.QUEUED: Stage.RETRYING,
    State.PAUSED: Stage.HELD,
    State.ROUTING: Stage.WAITING,
    State.PROCESSING: Stage.TALKING,
    State.COMPLETED: Stage.ENDED,
}


class SwitchFactory(DjangoModelFactory[Switch]):
    class Meta:
        model = Switch
        django_get_or_create = ("name",)

    name = "SIP_Switch"


class RoutePointFactory(DjangoModelFactory[RoutePoint]):
    class Meta:
        model = RoutePoint

    name = "8999"
    switch = SubFactory(SwitchFactory)


class VirtualQueueFactory(DjangoModelFactory[VirtualQueue]):
    class Meta:
        model = VirtualQueue

    name = "Billing_VQ"


class AgentFactory(DjangoModelFactory[Agent]):
    class Meta:
        model = Agent

    name = Sequence(lambda n: f"agent{n}")
    switch = SubFactory(SwitchFactory)
    sip_address = LazyAttribute(lambda agent: f"sim:{agent.name}")


class AgentGroupFactory(DjangoModelFactory[AgentGroup]):
    class Meta:
        model = AgentGroup

    name = "Billing"


class ServiceFactory(DjangoModelFactory[ConfiguredService]):
    class Meta:
        model = ConfiguredService
        django_get_or_create = ("name",)

    name = "voice-userterm-immediate"
    type = "callback"
    configuration = "User Terminated Immediate"
    options = LazyFunction(
        lambda: {
            "_route_point": "8999@SIP_Switch",
            "_urs_virtual_queue": "Billing_VQ",
            "_target": "Billing@StatServer.GA",
        }
    )


class JobFactory(DjangoModelFactory[Job]):
    """Of nobody who is there any more."""

    class Meta:
        model = Job

    kind = Job.Kind.CANCEL
    form = LazyFunction(uuid.uuid4)
    actor = "olga"
    zone = "UTC"
    as_of = NOON
    asked_at = NOON
    total = 0


class CallbackFactory(DjangoModelFactory[Callback]):
    """`CallbackFactory(state=State.COMPLETED)` has a reason and a moment of completion, any other state has none."""

    class Meta:
        model = Callback

    id = LazyFunction(lambda: f"369-{uuid.uuid4()}")
    service = SubFactory(ServiceFactory)
    service_name = SelfAttribute("service.name")
    state = State.QUEUED
    stage = LazyAttribute(lambda callback: _STAGES[State(callback.state)])
    reason = LazyAttribute(lambda o: Reason.AGENT_CONNECTED if o.state == State.COMPLETED else "")
    customer_number = "916504661232"
    user_data = LazyFunction(lambda: {"first_name": "Ada"})
    created_at = NOON
    desired_at = SelfAttribute("created_at")
    completed_at = LazyAttribute(lambda o: o.created_at + timedelta(minutes=2) if o.state == State.COMPLETED else None)
    expires_at = LazyAttribute(lambda callback: callback.desired_at + timedelta(days=1))
    session = LazyAttribute(
        lambda callback: SESSION.dump_python(
            Session(number=callback.customer_number, desired_at=callback.desired_at, stage=callback.stage), mode="json"
        )
    )


def frozen_options(service: ConfiguredService, **changes: Any) -> dict[str, Any]:
    """What a callback of this service has taken over when its execution started, some of it otherwise."""
    options, error = configured.resolve(Callback(id="369-any", service=service, service_name=service.name))
    assert options is not None, error
    frozen: dict[str, Any] = FLOW_OPTIONS.dump_python(options, mode="json")
    return frozen | changes


class JournalEntryFactory(DjangoModelFactory[JournalEntry]):
    class Meta:
        model = JournalEntry

    callback = SubFactory(CallbackFactory)
    at = NOON
    kind = "dialling"
    text = "Dialling the customer, attempt 1 of 3."
    cause = "Started"
    actor = "system"
    state = State.QUEUED
    stage = Stage.DIALLING


class AttemptFactory(DjangoModelFactory[Attempt]):
    class Meta:
        model = Attempt

    callback = SubFactory(CallbackFactory)
    party = "customer"
    number = 1
    began_at = NOON


@cache
def _hashed() -> str:
    """Once a process: a hash takes as long as a dozen tests."""
    return make_password(PASSWORD)


class UserFactory(DjangoModelFactory[User]):
    class Meta:
        model = User

    username = Sequence(lambda n: f"user{n}")
    password = LazyFunction(_hashed)


def supervisor(**fields: Any) -> User:
    """A user in the group that the migrations made."""
    return _member("Supervisor", **{"username": "sue", **fields})


def read_only_supervisor(**fields: Any) -> User:
    return _member("CallbackReadOnly", **{"username": "rita", **fields})


def administrator(**fields: Any) -> User:
    """One by the group, without being a superuser."""
    return _member("Administrator", **{"username": "anna", "is_staff": True, **fields})


def limited_supervisor(*services: str, groups: tuple[str, ...] = (), **fields: Any) -> User:
    """A supervisor of these services, and of those in these groups, alone."""
    user = supervisor(**{"username": "lisa", **fields})
    limit(user, *services, groups=groups)
    return user


def limit(user: User, *services: str, groups: tuple[str, ...] = ()) -> None:
    for kind, names in ((PersonScope.Kind.SERVICE, services), (PersonScope.Kind.GROUP, groups)):
        PersonScope.objects.bulk_create([PersonScope(user=user, kind=kind, name=name) for name in names])


def _member(group: str, **fields: Any) -> User:
    have_roles()
    user = UserFactory.create(**fields)
    user.groups.add(Group.objects.get(name=group))
    return user


def have_roles() -> None:
    """Make the groups again where a test that empties the database has run before."""
    if not Group.objects.filter(name="Supervisor").exists():
        make_roles()


def make_roles() -> None:
    """Make the groups as the migrations do."""
    with connection.schema_editor() as editor:
        import_module("callbacks.migrations.0002_roles").create_roles(apps, editor)
        import_module("telephony.migrations.0006_blocked_numbers").let_supervisors_block(apps, editor)
        import_module("callbacks.migrations.0016_status_notices").let_supervisors_resend(apps, editor)
        import_module("telephony.migrations.0012_dial_counts").let_supervisors_release(apps, editor)
        import_module("callbacks.migrations.0022_read_only_supervisors").create_role(apps, editor)
        import_module("callbacks.migrations.0024_steering").let_supervisors_steer(apps, editor)
        import_module("callbacks.migrations.0027_administrators").create_role(apps, editor)
    roles.keep_administrators_whole()
