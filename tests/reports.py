"""Callbacks that are over, made up by a seed, for tests of reports: with attempts, timeline and predictions."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from callbacks.flow.decision import DialResult
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import Reason, State
from callbacks.models import Attempt, Callback, JournalEntry
from services.models import ConfiguredService
from telephony.models import Prediction
from tests.factories import CallbackFactory, ServiceFactory

# Monday of the week in which Germany's clocks go forward.
MONDAY = datetime(2026, 3, 23, tzinfo=UTC)
AGENTS = ("kate", "li", "sam")
FAILED = (DialResult.BUSY, DialResult.NO_ANSWER, DialResult.ANSWERING_MACHINE, DialResult.UNKNOWN, DialResult.FAX)


def make(seed: int, number: int, *, start: datetime = MONDAY, days: int = 14, services: int = 3) -> list[Callback]:
    """So many callbacks of some services, completed within some days."""
    rng = random.Random(seed)
    named = [ServiceFactory.create(name=f"service-{n}") for n in range(services)]
    return [one(rng, rng.choice(named), start + timedelta(seconds=rng.uniform(0, days * 86400))) for _ in range(number)]


def one(rng: random.Random, service: ConfiguredService, created: datetime) -> Callback:
    """One that went through some of the ways in which a callback can end."""
    created = created.replace(microsecond=created.microsecond // 1000 * 1000)
    promised = created + timedelta(seconds=rng.choice((900, 3600, 7200))) if rng.random() < 0.4 else None
    started = (promised or created) - timedelta(seconds=rng.uniform(0, 120) if promised else 0)
    rung, answered, talked, attempts = None, None, None, []
    now = started + timedelta(seconds=rng.uniform(0, 400))
    tries = rng.choice((0, 1, 1, 1, 2, 3))
    for number in range(1, tries + 1):
        rung = now
        reached = number == tries and rng.random() < 0.8
        now += timedelta(seconds=rng.uniform(2, 30))
        answered = now if reached else None
        result = DialResult.PERSON if reached else rng.choice(FAILED)
        attempts.append({"number": number, "dialled_at": rung, "answered_at": answered, "result": result})
        now += timedelta(seconds=rng.uniform(0, 60))
    if answered and rng.random() < 0.85:
        talked = now
    end = now + timedelta(seconds=rng.uniform(1, 500)) if talked else now
    reason = (
        Reason.AGENT_CONNECTED
        if talked
        else rng.choice((Reason.FAIL_CALL_TO_CUSTOMER, Reason.CANCELLED, Reason.FAIL_INTERACTION_DELETED))
    )
    session = Session(
        number="916504661232",
        desired_at=promised or created,
        stage=Stage.ENDED,
        slot=promised,
        started_at=started,
        attempt=tries,
    )
    agent = rng.choice(AGENTS) if talked else ""
    callback: Callback = CallbackFactory.create(
        id=f"369-{rng.getrandbits(64):016x}",
        service=service,
        state=State.COMPLETED,
        reason=reason,
        created_at=created,
        desired_at=promised or created,
        completed_at=talked or end,
        session=SESSION.dump_python(session, mode="json"),
        options={"call_direction": "USERTERMINATED"},
        queue="Billing_VQ",
        agent=agent,
    )
    _write(callback, rng, attempts, agent=agent, talked=talked, answered=answered, end=end)
    return callback


def _write(
    callback: Callback,
    rng: random.Random,
    attempts: list[dict[str, Any]],
    *,
    agent: str,
    talked: datetime | None,
    answered: datetime | None,
    end: datetime,
) -> None:
    for attempt in attempts:
        Attempt.objects.create(
            callback=callback,
            party="customer",
            began_at=attempt["dialled_at"],
            ended_at=end if attempt["answered_at"] else attempt["dialled_at"] + timedelta(seconds=25),
            **attempt,
        )
    told = {"callback": callback, "text": "", "actor": "system", "state": "ROUTING", "stage": "talking"}
    if talked and answered:
        Attempt.objects.create(
            callback=callback,
            party="agent",
            number=1,
            agent=agent,
            began_at=answered,
            answered_at=talked,
            ended_at=end,
            result=DialResult.CONNECTED,
        )
        JournalEntry.objects.create(at=talked, kind="connected", cause="LegsJoined", data={"agent": agent}, **told)
        if rng.random() < 0.5:
            said = rng.choice(("done", "machine", "wrong-number"))
            disposed = told | {"actor": agent}
            JournalEntry.objects.create(
                at=end, kind="disposed", cause="Disposed", data={"disposition": said}, **disposed
            )
    if rng.random() < 0.7:
        ewt = rng.uniform(0, 600)
        Prediction.objects.create(
            owner=callback.pk,
            queue="Billing_VQ",
            made_at=callback.created_at,
            hour=0,
            ahead=rng.randrange(5),
            agents=2,
            plain_ewt=ewt,
            plain_p90=2 * ewt,
            earliest=0,
            ewt=ewt,
            p90=2 * ewt,
            outcome="served" if talked else "left",
            settled_at=end,
            waited=rng.uniform(0, 900) if talked else None,
        )
