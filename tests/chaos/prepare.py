"""Migrate an empty database, fill it with what a chaos test needs, and print an API key.

A program of its own, because pytest's Django is bound to another database. Its argument is JSON: `agents` (their
phones' names and parameters) and `options` (of the service).
"""

from __future__ import annotations

import json
import sys

import django
from django.core.management import call_command
from django.utils import timezone

from tests.wide import WIDE

OPTIONS = {
    "_route_point": "8999@SIP_Switch",
    "_resource_group": "DNIS",
    "_urs_virtual_queue": "Billing_VQ",
    "_target": "Billing@StatServer.GA",
    "_treatment_customer_connect": "SampleTreatments/customer_announcement.wav",
}


def main() -> None:
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)

    from services.models import START, ApiKey, ConfiguredService
    from telephony import agents
    from telephony.models import Agent, AgentGroup, RoutePoint, Switch, VirtualQueue

    contents = json.loads(sys.argv[1])
    switch = Switch.objects.create(name="SIP_Switch", kind=Switch.Kind.SIMULATOR)
    RoutePoint.objects.create(name="8999", switch=switch)
    VirtualQueue.objects.create(name="Billing_VQ")
    billing = AgentGroup.objects.create(name="Billing")
    for phone in contents["agents"]:
        agent = Agent.objects.create(name=phone.partition("?")[0], switch=switch, sip_address=f"sim:{phone}")
        billing.agents.add(agent)
        agents.go_ready(agent, timezone.now())
    ConfiguredService.objects.create(
        name="chaos",
        type="callback",
        configuration="User Terminated Immediate",
        options={**OPTIONS, **WIDE, **contents["options"]},
    )
    _, text = ApiKey.objects.create_key(name="chaos", scopes=[START])
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
