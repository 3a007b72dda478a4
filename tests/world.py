"""A small contact centre for tests: one service, one simulated switch, some agents, and a clock that can be moved.

`World` plays all the processes of the service in one thread: kicks are kept in a list (the broker), `run` carries them
out (the worker), reads the switch (the telephony process) and ticks (Beat). Nothing of the product is replaced but the
broker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from unittest import mock

from celery import current_app
from django.db import connection
from django.db.models import F
from django.utils import timezone

from callbacks import actions
from callbacks.models import Callback
from scheduling import kick, tick
from scheduling.models import Timer
from services.models import ConfiguredService
from telephony import agents, lease, reports
from telephony.inbound_models import ArrivedCall
from telephony.models import Agent, AgentGroup, Call, Leg, RoutePoint, Switch, VirtualQueue
from telephony.simulator.listener import SimulatorListener
from telephony.switch import LegState
from tests.wide import WIDE

HUMAN = "916504661232"
OPTIONS = {
    "_route_point": "8999@SIP_Switch",
    "_resource_group": "DNIS",
    "_urs_virtual_queue": "Billing_VQ",
    "_target": "Billing@StatServer.GA",
}


class World:
    def __init__(self, *, agents: tuple[str, ...] = ("kate",), **options: str) -> None:
        self.switch = Switch.objects.create(name="SIP_Switch", kind=Switch.Kind.SIMULATOR)
        RoutePoint.objects.create(name="8999", switch=self.switch)
        VirtualQueue.objects.create(name="Billing_VQ")
        self.group = AgentGroup.objects.create(name="Billing")
        for phone in agents:
            self.hire(phone)
        self.service = ConfiguredService.objects.create(
            name="voice-userterm-immediate",
            type="callback",
            configuration="User Terminated Immediate",
            options={**OPTIONS, **WIDE, **options},
        )
        current_app.loader.import_default_modules()
        self.kicks: list[tuple[str, tuple[str, ...]]] = []
        self.offset = timedelta()
        self.epoch = lease.acquire(switch=self.switch.pk, holder="test") or 0
        self.listener: SimulatorListener | None = None
        self.keep_lease()

    def hire(self, phone: str) -> Agent:
        """An agent whose simulated phone is `sim:PHONE`; the name is the part before a question mark."""
        agent = Agent.objects.create(name=phone.partition("?")[0], switch=self.switch, sip_address=f"sim:{phone}")
        self.group.agents.add(agent)
        return agent

    def ready(self, *names: str) -> None:
        with self.patched():
            for agent in Agent.objects.filter(name__in=names) if names else Agent.objects.all():
                agents.go_ready(agent, self.now())

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def keep_lease(self) -> None:
        lease.renew(switch=self.switch.pk, holder="test", epoch=self.epoch, connected=True)

    def patched(self) -> mock._patch[Callable[..., None]]:
        """The broker is a list, and everybody reads the world's clock."""
        return mock.patch.multiple(
            kick, _carry_out=lambda task, args: self.kicks.append((task, args)), broker_is_down=lambda: True
        )

    def start(self, number: str = HUMAN, **parameters: str) -> Callback:
        desired = parameters.pop("desired_in", None)
        with self.patched():
            return actions.start(
                service=self.service,
                parameters={"_customer_number": number, **parameters},
                desired_at=self.now() + timedelta(seconds=float(desired)) if desired else None,
                actor="test",
                now=self.now(),
            )

    def step(self) -> bool:
        """Do what is there to do now; False when everybody is idle."""
        busy = False
        with self.patched(), mock.patch.object(timezone, "now", self.now):
            while self.kicks:
                task, args = self.kicks.pop(0)
                current_app.tasks[task].run(*args)
                busy = True
            if self.listen():
                busy = True
        return busy

    def listen(self) -> bool:
        """Read what the switch has to report by now and write it down, as the telephony process does."""
        if self.listener is None:
            self.listener = SimulatorListener(self.switch.pk)
            self.stream = self.listener.events()
        batch = []
        while (event := next(self.stream)) is not None:
            batch.append(event)
        if batch:
            reports.record(switch=self.switch.pk, events=batch, now=self.now())
        return bool(batch)

    def tick(self) -> None:
        with self.patched(), mock.patch.object(timezone, "now", self.now):
            self.keep_lease()
            tick.tick(self.now())
            tick.sweep(self.now())

    def run(self, until: Callable[[], bool], *, seconds: float = 30.0) -> None:
        """Run until something is so. When all are idle and the switch plans nothing, the clock jumps to what is due."""
        deadline = time.monotonic() + seconds
        while not until():
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not come to pass:\n{self.story()}")
            if self.step():
                continue
            if self.switch_is_quiet():
                self.jump()
            else:
                time.sleep(0.002)

    def switch_is_quiet(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM telephony_simulatedhappening")
            return bool(cursor.fetchone()[0] == 0)

    def jump(self) -> None:
        """Move the clock to whatever is due next, or by a second where nothing is; claims of the dead run out."""
        timer = Timer.objects.order_by("due_at").values_list("due_at", flat=True).first()
        start = Callback.objects.filter(start_base__isnull=False).order_by("start_base").first()
        arrived = ArrivedCall.objects.order_by("deadline").values_list("deadline", flat=True).first()
        upcoming = min((moment for moment in (timer, start and start.start_base, arrived) if moment), default=None)
        leap = timedelta(seconds=1)
        if upcoming is not None:
            leap = min(max(upcoming - self.now(), leap), timedelta(hours=4))
        if self.unsettled():
            leap = min(leap, timedelta(seconds=2))
        self.offset += leap
        Call.objects.exclude(claim="").update(claim_until=F("claim_until") - leap)
        self.tick()

    def unsettled(self) -> bool:
        return Call.objects.filter(settled=False).exists() or Callback.objects.filter(pending__isnull=False).exists()

    def finish(self, callback: Callback) -> Callback:
        """Run until the callback is over for everybody: completed, no leg, no pending event, agents given back."""
        self.run(lambda: self.over(callback))
        callback.refresh_from_db()
        return callback

    def over(self, callback: Callback) -> bool:
        return (
            Callback.objects.filter(pk=callback.pk, stage="ended").exists()
            and not self.unsettled()
            and not Leg.objects.exclude(state=LegState.ENDED).exists()
            and not Agent.objects.filter(reserved_for__isnull=False).exists()
        )

    def story(self) -> str:
        """What the journals say, for failure messages."""
        lines = []
        for callback in Callback.objects.all():
            lines.append(f"{callback.pk} {callback.state} {callback.reason} stage {callback.stage}")
            lines += [
                f"  {e.at:%H:%M:%S.%f} {e.state}/{e.stage} {e.text} [{e.cause}]"
                for e in callback.journal.order_by("id")
            ]
            lines += [f"  pending {p.event}" for p in callback.pending.all()]
        lines += [f"call {c.owner} settled={c.settled} {c.wish}" for c in Call.objects.all()]
        lines += [f"leg {leg.pk} {leg.state}" for leg in Leg.objects.all()]
        lines += [f"agent {a.name} {a.state} {a.reserved_for}" for a in Agent.objects.all()]
        lines += [f"timer {t}" for t in Timer.objects.all()]
        return "\n".join(lines)
