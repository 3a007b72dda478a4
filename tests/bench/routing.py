"""An agent who turns ready beside 1,000, 3,000 and 10,000 who wait in 50 queues; 1,000 agents with 10 skills each."""

from __future__ import annotations

import random
import statistics
import time
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from telephony import matching, plans
from telephony.models import Agent, AgentGroup, AgentSkill, QueueEntry, Skill, VirtualQueue
from tests.bench.world import Centre

SIZES = (1_000, 3_000, 10_000)
AGENTS, SKILLS, SKILLS_EACH, GROUPS, QUEUES = 1_000, 40, 10, 25, 50
PRIORITIES = (0, 0, 0, 5, 10)
ROUNDS, READY_A_ROUND = 5, 40


def measure() -> list[tuple[str, str]]:
    chance = random.Random(5)
    employ(Centre(), chance)
    for size in SIZES:
        store(size, chance)
    served: dict[tuple[str, int], list[float]] = {}
    asked: list[float] = []
    # Taken in turns, so that whatever else the machine does falls on all sizes.
    for _ in range(ROUNDS):
        for wants in ("agent", "dial"):
            for size in SIZES:
                use_entries_of(size, wants)
                turn_ready(chance, wants, count=3)
                served.setdefault((wants, size), []).extend(turn_ready(chance, wants, count=READY_A_ROUND))
        asked += ask_in_vain(count=READY_A_ROUND)
    forget()
    return [
        *in_ms("an agent turning ready is given their customer, p95, ms (aim < 20)", served, "agent"),
        *in_ms("an agent turning ready lets a callback dial, p95, ms (aim < 20)", served, "dial"),
        ("one joins the line and nobody is ready, median, ms", f"{statistics.median(asked) * 1000:.1f}"),
    ]


def in_ms(what: str, served: dict[tuple[str, int], list[float]], wants: str) -> list[tuple[str, str]]:
    worst = [statistics.quantiles(served[wants, size], n=20)[-1] * 1000 for size in SIZES]
    medians = [statistics.median(served[wants, size]) * 1000 for size in SIZES]
    waiting = ", ".join(f"{size:,}" for size in SIZES)
    return [
        (what, f"{worst[-1]:.1f}"),
        (f"  with {waiting} waiting", " / ".join(f"{each:.1f}" for each in worst)),
        ("  medians", " / ".join(f"{each:.1f}" for each in medians)),
        ("  the last median against the first (flat: about 1)", f"{medians[-1] / medians[0]:.2f}"),
    ]


def employ(centre: Centre, chance: random.Random) -> None:
    """Agents who are all on a call, in groups and with skills."""
    skills = Skill.objects.bulk_create([Skill(name=f"skill{number}") for number in range(SKILLS)])
    groups = AgentGroup.objects.bulk_create([AgentGroup(name=f"group{number}") for number in range(GROUPS)])
    VirtualQueue.objects.bulk_create([VirtualQueue(name=f"queue{number}") for number in range(QUEUES)])
    staff = Agent.objects.bulk_create(
        [
            Agent(
                name=f"a{number}",
                switch=centre.switch,
                sip_address=f"sim:a{number}",
                state=Agent.State.ON_CALL,
                reserved_for=f"talk-{number}",
            )
            for number in range(AGENTS)
        ]
    )
    AgentSkill.objects.bulk_create(
        [
            AgentSkill(agent=agent, skill=skill, level=chance.randint(1, 10))
            for agent in staff
            for skill in chance.sample(skills, SKILLS_EACH)
        ]
    )
    member = AgentGroup.agents.through
    member.objects.bulk_create(
        [member(agent=agent, agentgroup=group) for agent in staff for group in chance.sample(groups, 2)]
    )


def key_of(queue: int) -> str:
    """Every other queue asks for skills, the others for a group."""
    if queue % 2:
        return f"?:skill{queue % SKILLS}>=3&(skill{queue * 7 % SKILLS}>2|skill{queue * 3 % SKILLS}>5)"
    return f"GA:group{queue // 2}"


def entry(owner: str, wants: str, chance: random.Random, now: datetime) -> QueueEntry:
    queue = chance.randrange(QUEUES)
    made = QueueEntry(
        owner=owner,
        queue=f"queue{queue}",
        wants=wants,
        visit=1,
        place_at=now - timedelta(seconds=chance.randint(0, 1500)),
        eligible_at=now,
        reserve_seconds=30,
        priority=chance.choice(PRIORITIES),
        priority_increment=1,
        priority_interval=60,
        keys=[key_of(queue)],
    )
    plans.set_line(made)
    return made


def store(size: int, chance: random.Random) -> None:
    """Tables of their own with so many who wait, for an agent or for a dial."""
    now = timezone.now()
    with connection.cursor() as cursor:
        for wants in ("agent", "dial"):
            cursor.execute(f"CREATE SCHEMA {wants}_{size}")
            cursor.execute(
                f"CREATE TABLE {wants}_{size}.telephony_queueentry (LIKE public.telephony_queueentry INCLUDING ALL)"
            )
            use_entries_of(size, wants)
            QueueEntry.objects.bulk_create([entry(f"{wants}-{n}", wants, chance, now) for n in range(size)], 1000)
            cursor.execute("VACUUM ANALYZE telephony_queueentry")
        cursor.execute("VACUUM ANALYZE telephony_agent")
        # Otherwise the pages just filled are written out while the measurement runs.
        cursor.execute("CHECKPOINT")


def use_entries_of(size: int, wants: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {wants}_{size}, public")


def turn_ready(chance: random.Random, wants: str, *, count: int) -> list[float]:
    """Seconds from an agent's readiness to the end of the match; each who was served is followed by another."""
    took = []
    for number in chance.sample(range(AGENTS), count):
        now = timezone.now()
        agent = Agent.objects.filter(name=f"a{number}")
        agent.update(state=Agent.State.READY, reserved_for=None, idle_since=now)
        began = time.perf_counter()
        if not matching.match_agent(f"a{number}", now=now):
            raise RuntimeError(f"nobody for agent a{number}")
        took.append(time.perf_counter() - began)
        if wants == "agent":
            served = agent.values_list("reserved_for", flat=True).get()
        else:
            served = QueueEntry.objects.get(granted=True).owner
        agent.update(state=Agent.State.ON_CALL, reserved_for=f"talk-{number}")
        QueueEntry.objects.filter(owner=served).delete()
        entry(str(served), wants, chance, now).save(force_insert=True)
    return took


def ask_in_vain(*, count: int) -> list[float]:
    """Seconds of looking for an agent for one who has just joined the line, while nobody is ready."""
    owner = QueueEntry.objects.values_list("owner", flat=True).first()
    took = []
    for _ in range(count):
        began = time.perf_counter()
        matching.match_entry(str(owner), now=timezone.now())
        took.append(time.perf_counter() - began)
    return took


def forget() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET search_path = public")
        for size in SIZES:
            for wants in ("agent", "dial"):
                cursor.execute(f"DROP SCHEMA IF EXISTS {wants}_{size} CASCADE")
    AgentSkill.objects.all().delete()
    Skill.objects.all().delete()
    VirtualQueue.objects.all().delete()
    AgentGroup.objects.all().delete()
    Agent.objects.all().delete()
