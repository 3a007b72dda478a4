from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from callbacksite import health
from callbacksite.probe import Probe
from telephony.models import Agent
from tests.factories import AgentFactory, UserFactory, supervisor


@pytest.fixture(autouse=True)
def broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it does is asked of the process's own broker, which a busy machine lets wait: no matter of a page."""
    monkeypatch.setattr(health, "_glance", Probe(lambda: True, seconds=30))


@pytest.fixture
def sue(db: None) -> User:
    """A supervisor."""
    return supervisor()


@pytest.fixture
def as_sue(sue: User) -> Client:
    client = Client()
    client.force_login(sue)
    return client


@pytest.fixture
def kate(db: None) -> Agent:
    """An agent who signs in as kate."""
    return AgentFactory.create(name="kate", user=UserFactory.create(username="kate"))


@pytest.fixture
def as_kate(kate: Agent) -> Client:
    client = Client()
    assert kate.user is not None
    client.force_login(kate.user)
    return client


@pytest.fixture
def as_nobody(db: None) -> Client:
    """Somebody who is signed in and has no role."""
    client = Client()
    client.force_login(UserFactory.create(username="nora"))
    return client
