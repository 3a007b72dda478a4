"""A service that can be called, and clients as an integrator has them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from services.models import ADMIN, QUERY, START, ApiKey, ConfiguredService
from telephony.models import AgentGroup, RoutePoint, Switch, VirtualQueue

OPTIONS = {
    "_route_point": "8999@SIP_Switch",
    "_resource_group": "DNIS",
    "_urs_virtual_queue": "Billing_VQ",
    "_target": "Billing@StatServer.GA",
}


def make_service(name: str, configuration: str = "User Terminated Immediate", **options: str) -> ConfiguredService:
    return ConfiguredService.objects.create(
        name=name, type="callback", configuration=configuration, options={**OPTIONS, **options}
    )


@pytest.fixture
def telephony(db: None) -> None:
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
