"""A request that brings its own targets, where the service lets it."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from callbacks.models import Callback
from services.models import ConfiguredService
from telephony.models import QueueEntry
from tests.api.conftest import make_service

PATH = "/genesys/1/service/callback/billing"
# Fifteen is the most that a list may have.
LIST = json.dumps(
    [{"target": f"?team {n}:English>={n}&Loans!=7@StatServer.GA", "timeout": 20, "clear": False} for n in range(15)]
)


@pytest.fixture
def billing(telephony: None) -> ConfiguredService:
    return make_service("billing", "User Terminated Delayed", _overwritable_options="_target")


def test_fifteen_targets_may_come_with_a_request(client: Client, billing: ConfiguredService) -> None:
    assert len(LIST) > 1000
    assert client.post(PATH, {"_customer_number": "5115", "_target": LIST}).status_code == 200
    entry = QueueEntry.objects.get()
    assert (entry.target, entry.keys) == (LIST, ["?:English>=0&Loans!=7"])


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("?:English>", "allowed is a whole number of at most 9 digits at column 11"),
        ("[{'target':'Billing@.GA','timeout':'soon'}]", "(element 1, timeout)"),
        ("Billing", "allowed is NAME@STATSERVER.TYPE"),
    ],
)
def test_what_is_said_to_a_client_of_a_wrong_one(
    client: Client, billing: ConfiguredService, target: str, said: str
) -> None:
    response = client.post(PATH, {"_customer_number": "5115", "_target": target})
    assert response.status_code == 400
    assert said in response.content.decode().replace("\\u003E", ">")
    assert not Callback.objects.exists()
