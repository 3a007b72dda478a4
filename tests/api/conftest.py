"""A service that can be called, and clients as an integrator has them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest import mock

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from scheduling import bookings, offices
from services.models import ADMIN, QUERY, START, ApiKey, ConfiguredService
from telephony.models import AgentGroup, RoutePoint, Switch, VirtualQueue
from tests.wide import WIDE
from tests.world import World

OPTIONS = {
    "_route_point": "8999@SIP_Switch",
    "_resource_group": "DNIS",
    "_urs_virtual_queue": "Billing_VQ",
    "_target": "Billing@StatServer.GA",
}


def make_service(name: str, configuration: str = "User Terminated Immediate", **options: str) -> ConfiguredService:
    return ConfiguredService.objects.create(
        name=name, type="callback", configuration=configuration, options={**OPTIONS, **WIDE, **options}
    )


def make_office(name: str = "hours", *, zone: str = "UTC", **options: str) -> ConfiguredService:
    """Office hours: `make_office(_bh_regular1="Mon-Fri 09:00-17:00")`."""
    return ConfiguredService.objects.create(
        name=name, type="office-hours", configuration="Custom", options={"_timezone": zone, **options}
    )


def make_capacity(name: str = "places", *, zone: str = "UTC", **options: str) -> ConfiguredService:
    """A capacity service: `make_capacity(_capacity_1='{"1": {"0900": 4}}')`."""
    return ConfiguredService.objects.create(
        name=name, type="capacity", configuration="Custom", options={"_timezone": zone, **options}
    )


def at(moment: datetime) -> mock._patch[mock.MagicMock]:
    """While it is entered, the API's clock stands at this moment."""
    return mock.patch.object(timezone, "now", return_value=moment)


@contextmanager
def playing(world: World) -> Iterator[None]:
    """While it is entered, the API's clock and broker are the world's."""
    with world.patched(), mock.patch.object(timezone, "now", world.now):
        yield


def book(service: ConfiguredService, time: datetime, places: int) -> list[str]:
    """Take so many places in the slot of this time; the owners."""
    plan = offices.plan_of(service)
    owners = [f"{service.name}-{time:%Y%m%d%H%M}-{n}" for n in range(places)]
    with transaction.atomic():
        for owner in owners:
            bookings.book(owner, service_id=service.pk, plan=plan, desired_at=time)
    return owners


@pytest.fixture
def telephony(db: None) -> None:
    furnish_telephony()


def furnish_telephony() -> None:
    switch = Switch.objects.create(name="SIP_Switch", kind=Switch.Kind.SIMULATOR)
    RoutePoint.objects.create(name="8999", switch=switch)
    VirtualQueue.objects.create(name="Billing_VQ")
    AgentGroup.objects.create(name="Billing")


@pytest.fixture
def service(telephony: None) -> ConfiguredService:
    """The service of seed 1."""
    return make_service("voice-userterm-immediate")


@pytest.fixture
def delayed(telephony: None) -> ConfiguredService:
    """The service of seed 2."""
    return make_service("user-scheduled", "User Terminated Delayed")


def client_with(*scopes: str, services: tuple[ConfiguredService, ...] = (), **headers: Any) -> Client:
    key, text = ApiKey.objects.create_key(name="mobile app", scopes=list(scopes))
    key.services.set(services)
    return Client(headers={"x-api-key": text, **headers})


@pytest.fixture
def client(db: None) -> Client:
    """A client with a key that may do all."""
    return client_with(START, QUERY, ADMIN)


@pytest.fixture
def stranger(db: None) -> Client:
    return Client()
