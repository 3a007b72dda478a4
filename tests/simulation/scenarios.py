"""Days in contact centres: who calls how often, who is there, what goes wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

from callbacks.flow.options import FlowOptions, Treatment
from tests.simulation.centre import Centre
from tests.simulation.people import Agent, Customer, Line, lognormal

HOUR = 3600.0
# How long a call takes up an agent in the mean: to be called, to talk, and to wrap up.
TALK, WRAP_UP = 165.0, 15
PICK_UP = 2.4
HANDLING = PICK_UP + TALK + WRAP_UP
# Customers ring for 4 to 20 s, one in ten is not reached by a call.
RINGS, REACHED = (4.0, 20.0), 0.9

Curve = Callable[[float], float]


def steady(level: float) -> Curve:
    return lambda _: level


def between(*points: tuple[float, float]) -> Curve:
    """A line through (hour, level) points, level before the first and after the last."""

    def curve(seconds: float) -> float:
        hour = seconds / HOUR
        for (before, low), (after, high) in pairwise(points):
            if before <= hour < after:
                return low + (high - low) * (hour - before) / (after - before)
        return points[0][1] if hour < points[0][0] else points[-1][1]

    return curve


@dataclass(frozen=True)
class Kind:
    """Callers of one line: what share of all they are, how their talks are spread, and their priority."""

    share: float = 1.0
    talk: float = TALK
    spread: float = 1.0
    queue: str = ""
    priority: int = 0
    increment: int = 0
    interval: int = 0


@dataclass(frozen=True)
class Scenario:
    """`load` is the work that comes in by the work that all agents could do; `staff` the share of agents at work.

    `kinds` are the lines by name, `skills` says which share of the agents serves which of them. The trunk is down
    between the hours of `down`. `patience`, the mean in seconds, is exponential.
    """

    name: str
    about: str
    hours: float
    load: Curve
    staff: Curve = field(default_factory=lambda: steady(1.0))
    kinds: Mapping[str, Kind] = field(default_factory=lambda: {"Billing": Kind()})
    skills: Mapping[tuple[str, ...], float] = field(default_factory=lambda: {("Billing",): 1.0})
    down: tuple[float, float] | None = None
    patience: float = 3600.0


SCENARIOS = {
    each.name: each
    for each in (
        Scenario("steady", "nine tenths of what the agents can do, all day", 6, steady(0.92)),
        Scenario(
            "morning ramp",
            "callers are there before the agents: a third of the agents at first, all after two hours",
            5,
            between((0, 0.3), (1, 0.9), (2, 1.1), (3, 0.9), (4, 0.85)),
            between((0, 0.35), (0.5, 0.4), (2, 1.0)),
        ),
        Scenario(
            "lunch dip",
            "half of the agents are away for an hour",
            5,
            steady(0.85),
            between((0, 1.0), (1.5, 1.0), (1.75, 0.5), (2.5, 0.5), (2.75, 1.0)),
        ),
        Scenario(
            "overload",
            "a third more than the agents can do for an hour and a half; one in five callers has priority for ever",
            5,
            between((0, 0.8), (1, 0.8), (1.01, 1.35), (2.5, 1.35), (2.51, 0.6)),
            kinds={"Gold": Kind(0.2, priority=10), "Billing": Kind(0.8)},
            skills={("Gold", "Billing"): 1.0},
        ),
        Scenario(
            "outage",
            "no customer can be called for a quarter of an hour",
            5,
            steady(0.85),
            down=(1.5, 1.75),
        ),
        Scenario(
            "shared skills",
            "three lines of unlike calls; half of the agents serve one of them, the others two or all",
            6,
            steady(0.92),
            kinds={
                "Billing": Kind(0.5, spread=0.8),
                "Sales": Kind(0.3, talk=1.4 * TALK, spread=1.2),
                "Support": Kind(0.2, talk=0.6 * TALK, spread=0.7),
            },
            skills={
                ("Billing",): 0.3,
                ("Sales",): 0.2,
                ("Billing", "Sales"): 0.2,
                ("Sales", "Support"): 0.1,
                ("Billing", "Sales", "Support"): 0.2,
            },
        ),
    )
}


def options(line: Line, **changes: object) -> FlowOptions:
    """A configured service for a line: what its callbacks run with."""
    silent = Treatment("")
    chosen: dict[str, object] = {
        "media_type": "voice",
        "call_direction": "USERTERMINATED",
        "wait_for_agent": False,
        "first_connect_party": "CUSTOMER",
        "target": line.target,
        "virtual_queue": line.queue,
        "route_point": "8999@Switch",
        "prefix_dial_out": "",
        "calling_party_number": "",
        "calling_party_display_name": "",
        "ixn_createcall_timeout": 25,
        "cpd_enable": True,
        "call_timeguard": 15.0,
        "cpd_unsure": "human",
        "max_dial_attempts": 2,
        "dial_retry_timeout": 300,
        "max_transfer_to_agent_attempts": 3,
        "max_time_to_wait_for_agent": 7200,
        "agent_reserve_timeout": 30,
        "urs_queued_ttl": 14400,
        "retain_session": False,
        "max_time_to_wait_for_ixn_delete": 3600,
        "wrap_up_time": WRAP_UP,
        "request_execution_time_buffer": 120,
        "desired_connect_time_threshold": 180,
        "ttl": 86400,
        "treatment_customer_connect": silent,
        "treatment_waiting_for_agent": Treatment("music.wav"),
        "treatment_find_agent_fail": silent,
        "treatment_answering_machine": silent,
        "vq_priority": line.priority,
        "vq_priority_increment": line.increment,
        "vq_priority_increment_interval": line.interval,
    }
    return FlowOptions(**(chosen | changes))  # type: ignore[arg-type]


def lines_of(scenario: Scenario) -> list[Line]:
    return [
        Line(
            name,
            queue=kind.queue or f"{name}_VQ",
            target=f"{name}@StatServer.GA",
            key=f"GA:{name}",
            priority=kind.priority,
            increment=kind.increment,
            interval=kind.interval,
        )
        for name, kind in scenario.kinds.items()
    ]


def open_centre(scenario: Scenario, agents: int, seed: int) -> Centre:
    """A centre with its agents, who come and go as the scenario says; nobody calls yet."""
    centre = Centre(lines_of(scenario), seed)
    counts = [round(share * agents) for share in scenario.skills.values()]
    counts[0] += agents - sum(counts)
    for groups, number in zip(scenario.skills, counts, strict=True):
        for _ in range(number):
            centre.hire(f"agent{len(centre.agents):03}", groups)
    # Who comes last goes first, whatever their skills.
    order = list(centre.agents)
    random.Random(seed).shuffle(order)
    _staff(centre, scenario.staff, order)
    if scenario.down:
        for hour, is_down in zip(scenario.down, (True, False), strict=True):
            centre.at(hour * HOUR, setattr, centre, "trunk_down", is_down)
    return centre


def _staff(centre: Centre, staff: Curve, order: list[Agent]) -> None:
    """Have as many logged in as there should be, and look again in a minute."""
    wanted = max(round(staff(centre.env.now) * len(order)), 1)
    for number, agent in enumerate(order):
        if number < wanted:
            centre.log_in(agent)
        else:
            centre.log_out(agent)
    centre.at(centre.env.now + 60, _staff, centre, staff, order)


def draw(chance: random.Random, kind: Kind, patience: float) -> Customer:
    rings = tuple(chance.uniform(*RINGS) if chance.random() < REACHED else None for _ in range(4))
    return Customer(
        rings,
        detection=chance.uniform(1.5, 3.5),
        patience=chance.expovariate(1 / patience),
        talk=lognormal(chance, kind.talk, kind.spread),
    )


Come = Callable[[Line, Customer], object]


def send_callers(centre: Centre, scenario: Scenario, agents: int, seed: int, come: Come) -> None:
    """Let customers come, by a Poisson process for each line whose rate follows the load."""
    kinds = scenario.kinds
    work = sum(kind.share * (PICK_UP + kind.talk + WRAP_UP) for kind in kinds.values())
    for number, line in enumerate(centre.lines):
        chance = random.Random(f"{seed}/{line.name}/{number}")
        most = 1.5 * agents / work * kinds[line.name].share
        arrive = partial(_arrive, centre, scenario, line, most, chance, come)
        centre.at(chance.expovariate(most), arrive)


def _arrive(
    centre: Centre,
    scenario: Scenario,
    line: Line,
    most: float,
    chance: random.Random,
    come: Come,
) -> None:
    # Thinning: of a process that is always fast enough, the right share comes.
    if chance.random() < scenario.load(centre.env.now) / 1.5:
        come(line, draw(chance, scenario.kinds[line.name], scenario.patience))
    again = partial(_arrive, centre, scenario, line, most, chance, come)
    centre.at(centre.env.now + chance.expovariate(most), again)
