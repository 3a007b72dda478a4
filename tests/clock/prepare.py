"""Migrate an empty database, fill it with offices in several time zones, and print an API key.

A program of its own, because pytest's Django is bound to another database. Its argument is JSON: `agents` (their
phones' names) and `offices` (their zones, by the name of the callback service that calls in their hours).
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
    "_wait_for_agent": "false",
    "_request_time_bucket": "30",
    "_wrap_up_time": "1",
}
# Around the hours in which clocks change.
HOURS = "Mon-Sun 01:00-10:00"


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
        agent = Agent.objects.create(name=phone, switch=switch, sip_address=f"sim:{phone}")
        billing.agents.add(agent)
        agents.go_ready(agent, timezone.now())
    for name, zone in contents["offices"].items():
        hours = ConfiguredService.objects.create(
            name=f"{name}-hours",
            type="office-hours",
            configuration="Custom",
            options={"_timezone": zone, "_bh_regular1": HOURS},
        )
        ConfiguredService.objects.create(
            name=name,
            type="callback",
            configuration="User Terminated Immediate",
            options={**OPTIONS, **WIDE, "_business_hours_service": hours.name},
        )
    _, text = ApiKey.objects.create_key(name="clock", scopes=[START])
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
