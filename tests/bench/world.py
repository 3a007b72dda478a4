"""The contact centre that is measured."""

from __future__ import annotations

from django.db import connection
from django.utils import timezone

from services.models import QUERY, START, ApiKey, ConfiguredService
from telephony import agents
from telephony.models import Agent, AgentGroup, Call, Leg, RoutePoint, Switch, VirtualQueue
from tests.wide import WIDE

OPTIONS = {
    "_route_point": "8999@SIP_Switch",
    "_resource_group": "DNIS",
    "_urs_virtual_queue": "Billing_VQ",
    "_target": "Billing@StatServer.GA",
    "_wrap_up_time": "0",
    **WIDE,
}


class Centre:
    """One service with a key; made anew for each measurement."""

    def __init__(self, *, phones: int = 0) -> None:
        self.forget()
        self.switch = Switch.objects.create(name="SIP_Switch")
        RoutePoint.objects.create(name="8999", switch=self.switch)
        VirtualQueue.objects.create(name="Billing_VQ")
        self.group = AgentGroup.objects.create(name="Billing")
        for number in range(phones):
            agent = Agent.objects.create(name=f"a{number}", switch=self.switch, sip_address=f"sim:a{number}")
            self.group.agents.add(agent)
            agents.go_ready(agent, timezone.now())
        self.service = ConfiguredService.objects.create(
            name="bench", type="callback", configuration="User Terminated Immediate", options=OPTIONS
        )
        _, self.key = ApiKey.objects.create_key(name="bench", scopes=[START, QUERY])

    def forget(self) -> None:
        with connection.cursor() as cursor:
            # The measurement before this one may have left a million.
            cursor.execute("TRUNCATE callbacks_callback CASCADE")
        for table in (
            Leg,
            Call,
            ConfiguredService,
            ApiKey,
            AgentGroup,
            Agent,
            RoutePoint,
            VirtualQueue,
            Switch,
        ):
            table.objects.all().delete()
