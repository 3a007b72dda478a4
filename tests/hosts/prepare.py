"""Fill an empty database with a contact centre on several Asterisks, and print an API key.

A program of its own, because pytest's Django is bound to another database. Its argument is JSON: `switches` (the fields
of each `Switch` row by name), `trunk` (the endpoint of route point 8999 on each), `agents` (names; their phones are
entered at the first switch) and `options` (of the service).
"""

from __future__ import annotations

import json
import sys

import django
from django.core.management import call_command

from tests.wide import WIDE


def main() -> None:
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)

    from django.utils import timezone

    from services.models import START, ApiKey, ConfiguredService
    from telephony import agents
    from telephony.models import Agent, AgentGroup, RoutePoint, Switch, VirtualQueue

    contents = json.loads(sys.argv[1])
    switches = [
        Switch.objects.create(name=name, kind=Switch.Kind.ASTERISK, **fields)
        for name, fields in contents["switches"].items()
    ]
    for switch in switches:
        RoutePoint.objects.create(name="8999", switch=switch, endpoint=contents["trunk"])
    VirtualQueue.objects.create(name="Billing_VQ")
    billing = AgentGroup.objects.create(name="Billing")
    for name in contents["agents"]:
        agent = Agent.objects.create(name=name, switch=switches[0], sip_address=f"PJSIP/{name}")
        billing.agents.add(agent)
        agents.go_ready(agent, timezone.now())
    ConfiguredService.objects.create(
        name="hosts",
        type="callback",
        configuration="User Terminated Immediate",
        options={**WIDE, **contents["options"]},
    )
    _, text = ApiKey.objects.create_key(name="hosts", scopes=[START])
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
