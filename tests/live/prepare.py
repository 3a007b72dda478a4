"""Fill an empty database with a contact centre on the Asterisk that its argument describes, and print an API key.

A program of its own, because pytest's Django is bound to another database. The argument is JSON: `switch` (the fields
of a `Switch` row), `route_points` (endpoint by name), `agents` (phone by name; each signs in at the desk under their
name), `skills` (level by name, by agent), `options` (of the service).
"""

from __future__ import annotations

import json
import sys

import django
from django.core.management import call_command

from tests.live.desk import PASSWORD
from tests.wide import WIDE


def main() -> None:
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)

    from django.contrib.auth.models import User

    from services.models import START, ApiKey, ConfiguredService
    from telephony.models import Agent, AgentGroup, AgentSkill, RoutePoint, Skill, Switch, VirtualQueue

    contents = json.loads(sys.argv[1])
    switch = Switch.objects.create(name="SIP_Switch", kind=Switch.Kind.ASTERISK, **contents["switch"])
    for name, endpoint in contents["route_points"].items():
        RoutePoint.objects.create(name=name, switch=switch, endpoint=endpoint)
    VirtualQueue.objects.create(name="Billing_VQ")
    billing = AgentGroup.objects.create(name="Billing")
    for name, phone in contents["agents"].items():
        user = User.objects.create_user(name, password=PASSWORD)
        agent = Agent.objects.create(name=name, user=user, switch=switch, sip_address=phone)
        billing.agents.add(agent)
        for skill, level in contents["skills"].get(name, {}).items():
            known, _ = Skill.objects.get_or_create(name=skill)
            AgentSkill.objects.create(agent=agent, skill=known, level=level)
    ConfiguredService.objects.create(
        name="live", type="callback", configuration="User Terminated Immediate", options={**WIDE, **contents["options"]}
    )
    _, text = ApiKey.objects.create_key(name="live", scopes=[START])
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
