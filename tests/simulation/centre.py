"""A contact centre on simpy's clock. What decides is the service's own code; what happens to it is made up here.

`callbacks.flow.machine` decides about each callback, and what follows from its session (place, wanted call, timers) is
computed by `callbacks.flow.projections`. Agents are given by `telephony.routing`, dials by `telephony.pacing`. Made up
are customers, agents and a telephone network without faults, or down. Each centre has a random generator of its own.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import simpy

from callbacks.flow import machine
from callbacks.flow.decision import AgentMove, Measured, ReleaseAgent
from callbacks.flow.events import Event, StartDue, Started, TimerFired
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from telephony import pacing, routing
from telephony.events import (
    AgentReserved,
    DialGranted,
    LegAnswered,
    LegDialling,
    LegEnded,
    LegProgress,
    LegsJoined,
    Party,
    TrunkUnavailable,
)
from telephony.ewt import MEMORY, REACH
from telephony.switch import EndCause, Verdict
from telephony.targets import Profile
from telephony.wanted import WantedLeg
from tests.simulation.people import Agent, Caller, Customer, Doing, Line

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
# From the wish to the act of a switch, in seconds; and how long an agent takes to pick up.
ACT = 0.2
PICK_UP = (1.0, 3.0)
# A switch that cannot carry calls is tried again after so long.
TRUNK_PAUSE = timedelta(seconds=30)


class Watcher(Protocol):
    """Looks on; told before anything follows from it."""

    def joined(self, caller: Caller) -> None:
        """It took a place in its line."""

    def served(self, caller: Caller) -> None:
        """An agent was reserved for it."""

    def ended(self, caller: Caller) -> None:
        """It ended, one way or another."""

    def measured(self, caller: Caller, measured: Measured) -> None:
        """The machine measured something of it."""

    def tried(self, caller: Caller, *, reached: bool) -> None:
        """A customer was called, and was a human on the line or nobody."""


class Centre:
    def __init__(self, lines: Iterable[Line], seed: int) -> None:
        self.env = simpy.Environment()
        self.lines = list(lines)
        self.agents: list[Agent] = []
        self.callers: list[Caller] = []
        self.watchers: list[Watcher] = []
        self.reach = {line.queue: REACH for line in self.lines}
        self.trunk_down = False
        self._chance = random.Random(seed)
        self._told: deque[tuple[Caller, Event]] = deque()
        self._telling = False

    @property
    def now(self) -> datetime:
        return MONDAY + timedelta(seconds=self.env.now)

    def at(self, moment: float, act: Callable[..., Any], *args: Any) -> None:
        """Have something done at a moment of the clock, in seconds; at once if it has passed."""
        timeout = self.env.timeout(max(moment - self.env.now, 0.0))
        timeout.callbacks.append(lambda _: act(*args))

    def run(self, until: float) -> None:
        self.env.run(until=until)

    # Callbacks

    def call_back(
        self, line: Line, options: FlowOptions, customer: Customer, *, desired: float | None = None
    ) -> Caller:
        """A request comes in, for now or for a later time."""
        desired_at = self.now if desired is None else MONDAY + timedelta(seconds=desired)
        caller = Caller(f"{len(self.callers):06}", line, options, Session("+4930901820", desired_at), customer)
        caller.promised = desired
        self.callers.append(caller)
        self.tell(caller, Started("customer"))
        return caller

    def start(self, caller: Caller, ewt: float, place: int = 0) -> None:
        """The scan found that its time has come, as the `place`-th of those found in one look."""
        at = self.now + timedelta(microseconds=place)
        self.tell(caller, StartDue(caller.session.desired_at, ewt, at))

    def tell(self, caller: Caller, event: Event) -> None:
        """One event after the other, as the service handles them."""
        self._told.append((caller, event))
        if self._telling:
            return
        self._telling = True
        while self._told:
            self._advance(*self._told.popleft())
        self._telling = False

    def _advance(self, caller: Caller, event: Event) -> None:
        decision = machine.decide(caller.session, caller.options, event, self.now)
        caller.session = decision.session
        for measured in decision.measured:
            if measured.what == "reach":
                known = self.reach[caller.line.queue]
                self.reach[caller.line.queue] = known + (timedelta(seconds=measured.seconds) - known) / MEMORY
            for watcher in self.watchers:
                watcher.measured(caller, measured)
        for move in decision.agents:
            self._move_agent(caller, move)
        self._carry_out(caller, event)

    def _carry_out(self, caller: Caller, event: Event) -> None:
        place, wish, timers = caller.project()
        if place != caller.place:
            self._take_place(caller, place)
        for name, due in timers.items():
            fired = isinstance(event, TimerFired) and event.name == name
            if caller.armed.get(name) != due or fired:
                visit = caller.session.visit if name == "stage" else 0
                self.at((due - MONDAY).total_seconds(), self._fire, caller, name, due, visit)
        caller.armed = timers
        before, caller.wish = caller.wish, wish
        for party, wanted, had in (
            (Party.CUSTOMER, wish.customer, before.customer),
            (Party.AGENT, wish.agent, before.agent),
        ):
            if wanted and (had is None or had.attempt != wanted.attempt):
                self.at(self.env.now + ACT, self._dial, caller, party, wanted)
        if wish.joined and not before.joined:
            self.at(self.env.now + ACT, self._join, caller, caller.session.agent_attempt)
        if caller.session.stage is Stage.ENDED and place is None and wish.empty:
            self._end(caller)

    def _end(self, caller: Caller) -> None:
        for watcher in self.watchers:
            watcher.ended(caller)

    def _fire(self, caller: Caller, name: str, due: datetime, visit: int) -> None:
        if caller.armed.get(name) == due:
            self.tell(caller, TimerFired(name, visit))

    # The network

    def _dial(self, caller: Caller, party: Party, wanted: WantedLeg) -> None:
        if not self._is_wanted(caller, party, wanted.attempt):
            return
        if self.trunk_down and party is Party.CUSTOMER:
            retry_at = self.now + TRUNK_PAUSE
            self.tell(caller, TrunkUnavailable(party, wanted.attempt, "the trunk is down", retry_at))
            return
        self.tell(caller, LegDialling(party, wanted.attempt))
        if party is Party.AGENT:
            self.at(self.env.now + self._chance.uniform(*PICK_UP), self._answer, caller, party, wanted)
            return
        rings = caller.customer.rings[(wanted.attempt - 1) % len(caller.customer.rings)]
        for watcher in self.watchers:
            watcher.tried(caller, reached=rings is not None)
        if rings is None:
            ended = LegEnded(party, wanted.attempt, EndCause.NO_ANSWER, rang=True)
            self.at(self.env.now + wanted.ring_seconds, self._report, caller, ended)
        else:
            self.at(self.env.now + rings, self._answer, caller, party, wanted)

    def _answer(self, caller: Caller, party: Party, wanted: WantedLeg) -> None:
        if not self._is_wanted(caller, party, wanted.attempt):
            return
        if party is Party.CUSTOMER:
            caller.answered = self.env.now
            self.at(self.env.now + caller.customer.patience, self._lose_patience, caller, wanted.attempt)
            if wanted.detect:
                human = LegProgress(party, wanted.attempt, Verdict.HUMAN)
                self.at(self.env.now + caller.customer.detection, self._report, caller, human)
        self.tell(caller, LegAnswered(party, wanted.attempt))

    def _report(self, caller: Caller, event: LegEnded | LegProgress) -> None:
        if self._is_wanted(caller, event.party, event.attempt):
            self.tell(caller, event)

    def _join(self, caller: Caller, agent_attempt: int) -> None:
        if not caller.wish.joined or caller.session.agent_attempt != agent_attempt:
            return
        caller.talking = self.env.now
        if caller.agent and caller.reserved is not None:
            caller.lost += self.env.now - caller.reserved
        self.tell(caller, LegsJoined(agent_attempt))
        ended = LegEnded(Party.CUSTOMER, caller.session.attempt, EndCause.HANGUP, rang=True)
        self.at(self.env.now + caller.customer.talk, self._report, caller, ended)

    def _lose_patience(self, caller: Caller, attempt: int) -> None:
        if caller.talking is None and self._is_wanted(caller, Party.CUSTOMER, attempt):
            self.tell(caller, LegEnded(Party.CUSTOMER, attempt, EndCause.HANGUP, rang=True))

    def _is_wanted(self, caller: Caller, party: Party, attempt: int) -> bool:
        wanted = caller.wish.customer if party is Party.CUSTOMER else caller.wish.agent
        return wanted is not None and wanted.attempt == attempt

    # Places and agents

    def _take_place(self, caller: Caller, place: Any) -> None:
        before, caller.place = caller.place, place
        if place is None:
            caller.line.callers.pop(caller.owner, None)
            caller.left = self.env.now
            caller.granted_until = None
            return
        if before is None:
            caller.joined = self.env.now
            for watcher in self.watchers:
                watcher.joined(caller)
            caller.line.callers[caller.owner] = caller
        if not place.granted:
            caller.granted_until = None
        if place.wants and (before is None or before.visit != place.visit):
            caller.granted_until = None
            caller.line.wants(caller, place)
            if place.wants == "agent":
                self._match_caller(caller)

    def _match_caller(self, caller: Caller) -> None:
        """The agent who has been idle for longest; who is idle is wanted by nobody else."""
        free = [agent for agent in self.agents if agent.doing is Doing.READY and caller.line in agent.lines]
        if free and caller.agent is None:
            self._reserve(min(free, key=lambda agent: agent.since), caller)

    def _match_agent(self, agent: Agent) -> None:
        heads = [caller for line in agent.lines if (caller := line.head("agent"))]
        if heads:
            first = min(heads, key=lambda caller: routing.rank(caller.line.waiter(caller), self.now))
            self._reserve(agent, first)

    def _reserve(self, agent: Agent, caller: Caller) -> None:
        agent.doing, agent.since = Doing.RESERVED, self.env.now
        caller.agent, caller.reserved = agent, self.env.now
        for watcher in self.watchers:
            watcher.served(caller)
        visit = caller.place.visit if caller.place else 0
        self.tell(caller, AgentReserved(agent.name, f"{agent.name}/{self.env.now}", visit))

    def _move_agent(self, caller: Caller, move: AgentMove) -> None:
        if not isinstance(move, ReleaseAgent) or caller.agent is None:
            return
        agent, caller.agent = caller.agent, None
        if caller.talking is None:
            caller.lost += self.env.now - agent.since
        agent.doing, agent.since, agent.free_at = Doing.WRAP_UP, self.env.now, self.env.now + move.wrap_up_seconds
        self.at(agent.free_at, self.ready, agent)

    def ready(self, agent: Agent) -> None:
        if agent.leaves:
            agent.doing = Doing.AWAY
            return
        agent.doing, agent.since = Doing.READY, self.env.now
        self._match_agent(agent)

    def hire(self, name: str, groups: Iterable[str]) -> Agent:
        profile = Profile(name, "", frozenset(groups), frozenset(), {})
        lines = tuple(line for line in self.lines if routing.serves(profile, [line.key]))
        agent = Agent(profile, lines)
        self.agents.append(agent)
        return agent

    def log_in(self, agent: Agent) -> None:
        agent.leaves = False
        if agent.doing is Doing.AWAY:
            self.ready(agent)

    def log_out(self, agent: Agent) -> None:
        """At once when free, else after the call."""
        agent.leaves = True
        if agent.doing is Doing.READY:
            agent.doing = Doing.AWAY

    # Dials

    def grant_dials(self) -> None:
        """Every second, as the tick does: let dial, in their order, for whom an agent is expected to be free."""
        dials = [head for line in self.lines if (head := line.head("dial"))]
        while dials:
            expected = self._expected([head.line.pacing for head in dials])
            granted = [head for head in dials if expected.has_room(head.line.pacing)] or self._starved(dials)
            if not granted:
                return
            first = min(granted, key=lambda caller: routing.rank(caller.line.waiter(caller), self.now))
            first.granted_until = self.now + self.reach[first.line.queue]
            if first.place:
                self.tell(first, DialGranted(first.place.visit))
            dials = [head for line in self.lines if (head := line.head("dial"))]

    def _starved(self, dials: list[Caller]) -> list[Caller]:
        """Those who have waited too long, and for whom an agent is expected to be free after those who came before."""
        found = []
        for head in dials:
            place_at = head.line.waiter(head).place_at
            if routing.is_starved(place_at, self.now):
                expected = self._expected([head.line.pacing], before=place_at)
                found += [head] if expected.has_room(head.line.pacing) else []
        return found

    def _expected(self, asking: list[pacing.Line], before: datetime | None = None) -> pacing.Expected:
        counted = self._counted(before)
        return pacing.Expected(self._soon_free(), counted, asking, now=self.now, reach=self.reach)

    def _soon_free(self) -> list[pacing.Soon]:
        latest = self.env.now + max(reach.total_seconds() for reach in self.reach.values())
        soon = []
        for agent in self.agents:
            keys = frozenset(line.key for line in agent.lines)
            if agent.doing is Doing.READY:
                soon.append(pacing.Soon(keys))
            elif agent.doing is Doing.WRAP_UP and agent.free_at <= latest and not agent.leaves:
                soon.append(pacing.Soon(keys, MONDAY + timedelta(seconds=agent.free_at)))
        return soon

    def _counted(self, before: datetime | None) -> Counter[pacing.Line]:
        counted: Counter[pacing.Line] = Counter()
        for line in self.lines:
            for caller in line.callers.values():
                dialled = caller.granted_until is not None and caller.granted_until > self.now
                on_the_line = caller.place is not None and caller.place.wants == "agent"
                competes = before is None or (caller.place is not None and caller.place.place_at < before)
                if caller.agent is None and (dialled or on_the_line) and competes:
                    counted[line.pacing] += 1
        return counted
