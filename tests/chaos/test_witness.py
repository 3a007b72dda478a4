"""The chaos tests' own instrument: what it counts is what a phone would have rung."""

from __future__ import annotations

import pytest
from django.db import connection

from telephony.models import Switch
from telephony.simulator.engine import SimulatorSwitch
from telephony.switch import LegRequest
from tests.chaos.witness import WITNESS


@pytest.mark.django_db
def test_a_second_dial_is_a_second_ring() -> None:
    row = Switch.objects.create(name="SIP_Switch", kind=Switch.Kind.SIMULATOR)
    with connection.cursor() as cursor:
        cursor.execute(WITNESS)
        switch = SimulatorSwitch(row.pk)
        switch.create_leg(LegRequest("cb-1-customer-1", "442010", "", "", detect=True))
        switch.dial_leg("cb-1-customer-1", timeout=30)
        switch.dial_leg("cb-1-customer-1", timeout=30)
        cursor.execute("SELECT leg, count(*) FROM witness_ring GROUP BY leg")
        assert cursor.fetchall() == [("cb-1-customer-1", 2)]
        cursor.execute("SELECT leg, verdict, count(*) FROM witness_verdict GROUP BY leg, verdict")
        assert cursor.fetchall() == [("cb-1-customer-1", "human", 2)]
