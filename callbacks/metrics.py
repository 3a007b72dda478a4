"""What is measured of callbacks. Never a label with a number or a name of a customer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Count, Min, Q
from prometheus_client import Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from callbacks.flow import projections
from callbacks.flow.session import Session, Stage
from callbacks.flow.states import MOVES, State
from callbacks.models import AuditFinding, Callback, Pending
from callbacks.records import Turns
from callbacks.status import metrics as status
from scheduling.metrics import DURATIONS, LATENESS
from scheduling.totals import REGISTRY
from telephony.events import Party

# How long people wait.
WAITS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)

STARTED = Counter(
    "callbacksite_callbacks_started", "Start requests that were accepted.", ["service"], registry=REGISTRY
)
COMPLETED = Counter(
    "callbacksite_callbacks_completed", "Callbacks that ended, by reason.", ["service", "reason"], registry=REGISTRY
)
ATTEMPTS = Counter(
    "callbacksite_attempts", "Attempts to reach a customer or an agent.", ["party", "result"], registry=REGISTRY
)
REQUEST_TO_DIAL = Histogram(
    "callbacksite_request_to_dial_seconds",
    "From the request of an immediate callback to the moment at which the customer's phone is first rung.",
    buckets=WAITS,
    registry=REGISTRY,
)
ANSWER_TO_AGENT = Histogram(
    "callbacksite_answer_to_agent_seconds",
    "From the customer's answer to the moment at which they hear an agent.",
    buckets=WAITS,
    registry=REGISTRY,
)
SCHEDULED_LATENESS = Histogram(
    "callbacksite_scheduled_lateness_seconds",
    "How long after its moment a scheduled callback began (what=start) or its dial was let go (what=dial).",
    ["what"],
    buckets=LATENESS,
    registry=REGISTRY,
)
ADVANCE_SECONDS = Histogram(
    "callbacksite_advance_seconds",
    "How long it took to decide what follows from a callback's events.",
    buckets=DURATIONS,
    registry=REGISTRY,
)
SET_ASIDE = Counter(
    "callbacksite_events_set_aside", "Events that could not be handled and were given up.", registry=REGISTRY
)

# Nothing was due that led to one of these.
_RESTING = frozenset({Stage.SCHEDULED, Stage.PAUSED, Stage.ENDED})


def decided(callback: Callback, before: Session | None, turns: Turns, now: datetime) -> None:
    """Count what a committed decision brought. `before` is None for a new callback."""
    after = turns.session
    if before is None:
        STARTED.labels(callback.service_name).inc()
    if callback.state == State.COMPLETED and (before is None or projections.public_state(before) != State.COMPLETED):
        COMPLETED.labels(callback.service_name, callback.reason).inc()
    for change in turns.attempts:
        if change.result:
            ATTEMPTS.labels(change.party, change.result).inc()
        first = before is not None and before.attempts_used == 0
        if (
            change.dialled_at
            and change.party is Party.CUSTOMER
            and first
            and callback.desired_at == callback.created_at
        ):
            REQUEST_TO_DIAL.observe((change.dialled_at - callback.created_at).total_seconds())
    for _, note in turns.notes:
        # Not by the stage: the call may already be over within the same decision.
        if note.kind == "connected" and note.session.answered_at:
            ANSWER_TO_AGENT.observe((now - note.session.answered_at).total_seconds())
    if before is not None and (late := _lateness(callback, before, after, now)):
        what, seconds = late
        SCHEDULED_LATENESS.labels(what).observe(seconds)


def _lateness(callback: Callback, before: Session, after: Session, now: datetime) -> tuple[str, float] | None:
    """By how much a promised moment was missed, in seconds: that of the start, or that of the first dial."""
    if before.desired_at != after.desired_at or after.stage in _RESTING:
        return None
    if before.stage is Stage.SCHEDULED:
        lead = float(callback.options.get("request_execution_time_buffer", 0)) + after.ewt
        return "start", (now - after.desired_at).total_seconds() + lead
    if before.stage is Stage.HELD and before.deadline:
        return "dial", (now - before.deadline).total_seconds()
    return None


def figures(now: datetime) -> Iterator[Metric]:
    """How callbacks stand now. Completed ones, of which there may be millions, are never counted."""
    states = GaugeMetricFamily(
        "callbacksite_callbacks", "Callbacks that are not completed.", labels=["service", "state"]
    )
    # State by state, since the index begins with it.
    live = Callback.objects.filter(state__in=[state for state in MOVES if MOVES[state]])
    for service, state, count in live.values_list("service_name", "state").annotate(Count("pk")).order_by():
        states.add_metric([service, state], count)

    events = Pending.objects.aggregate(
        count=Count("pk"), oldest=Min("created_at"), failed=Count("pk", Q(failures__gt=0))
    )
    age = (now - events["oldest"]).total_seconds() if events["oldest"] else 0.0
    yield states
    yield GaugeMetricFamily("callbacksite_pending_events", "Events that wait to be decided.", events["count"])
    yield GaugeMetricFamily("callbacksite_pending_oldest_seconds", "Age of the oldest of them.", age)
    yield GaugeMetricFamily(
        "callbacksite_pending_failed", "Those whose handling failed and is repeated.", events["failed"]
    )

    overdue = Callback.objects.filter(start_base__lte=now).aggregate(count=Count("pk"), oldest=Min("start_base"))
    late = (now - overdue["oldest"]).total_seconds() if overdue["oldest"] else 0.0
    yield GaugeMetricFamily(
        "callbacksite_starts_overdue", "Scheduled callbacks that should have started.", overdue["count"]
    )
    yield GaugeMetricFamily("callbacksite_starts_overdue_seconds", "How long the oldest of them is due.", late)

    findings = GaugeMetricFamily("callbacksite_audit_findings", "What the last audit found.", labels=["kind"])
    counted = dict(AuditFinding.objects.filter(gone_at=None).values_list("kind").annotate(Count("pk")).order_by())
    for kind in AuditFinding.Kind.values:
        findings.add_metric([kind], counted.get(kind, 0))
    yield findings
    yield from status.figures(now)
