"""Predictions and what came of them: how right estimates are, queue by queue, and what is learnt from it.

1. When an owner takes its place in a queue, what it can expect is written down (`predict`).
2. When an agent is reserved for it, or it leaves, the row is settled, once (`settle`).
3. Each minute errors are computed over the last day and week, and the correction anew from the last predictions
   (`judge`). It is learnt from what the estimator said before any correction, so that it cannot chase itself.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.db import connection, transaction

from telephony import estimates, ewt, measures
from telephony.ewt import NINE_OF_TEN, Correction, Expectation, learn
from telephony.models import Prediction, QueueAccuracy, QueueMeasure
from telephony.queueplace import QueuePlace

logger = logging.getLogger(__name__)

# So many seconds lie between two predictions that a process makes of one queue.
SPACING = 0.2
_predicted_at: dict[str, float] = {}

# Longer than the longest span that errors are told for.
KEPT = timedelta(days=14)
# The correction is made of the last so many of a queue.
LEARNT_FROM = 500
DELETE_BATCH = 5000

_PREDICT = """
INSERT INTO telephony_prediction
    (owner, queue, made_at, hour, ahead, agents, plain_ewt, plain_p90, earliest, ewt, p90, outcome)
VALUES (%(owner)s, %(queue)s, %(now)s, %(hour)s, %(ahead)s, %(agents)s, %(plain_ewt)s, %(plain_p90)s, %(earliest)s,
    %(ewt)s, %(p90)s, '')
ON CONFLICT (owner) WHERE outcome = '' DO UPDATE SET
    queue = excluded.queue, made_at = excluded.made_at, hour = excluded.hour, ahead = excluded.ahead,
    agents = excluded.agents, plain_ewt = excluded.plain_ewt, plain_p90 = excluded.plain_p90,
    earliest = excluded.earliest, ewt = excluded.ewt, p90 = excluded.p90
"""

_SETTLE = (
    """
WITH settled AS (
    UPDATE telephony_prediction SET outcome = %(outcome)s::text, settled_at = %(now)s::timestamptz, waited =
        CASE WHEN %(outcome)s::text = 'served' THEN greatest(extract(epoch FROM %(now)s::timestamptz - made_at), 0) END
    WHERE owner = %(owner)s::text AND outcome = ''
    RETURNING queue, greatest(extract(epoch FROM %(now)s::timestamptz - made_at), 0) AS seconds
), given AS (
    SELECT queue, what, value
    FROM settled, unnest(
        ARRAY['abandoned', 'waited'], ARRAY[(%(outcome)s::text = 'left')::int, seconds]::float8[]
    ) AS each (what, value)
    WHERE %(outcome)s::text <> 'put_off'
),"""  # noqa: S608 (texts of ours)
    + measures.TAKE_IN
)

_FORGET = """
UPDATE telephony_prediction SET owner = '',
    outcome = CASE WHEN outcome = '' THEN 'put_off' ELSE outcome END, settled_at = coalesce(settled_at, made_at)
WHERE owner <> '' AND owner = ANY(%s)
"""

# A second of grace: waits are told in whole seconds, and who is served at once has waited a few tenths of one.
_JUDGE = """
INSERT INTO telephony_queueaccuracy AS known
    (queue, hours, judged, abandoned, put_off, bias, mean_absolute, p90_absolute, within_p90, computed_at)
SELECT queue, hours, count(waited), count(*) FILTER (WHERE outcome = 'left'),
    count(*) FILTER (WHERE outcome = 'put_off'), avg(ewt - waited), avg(abs(ewt - waited)),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY abs(ewt - waited)),
    avg(CASE WHEN waited <= p90 + 1 THEN 1.0 ELSE 0.0 END) FILTER (WHERE waited IS NOT NULL), %(now)s
FROM unnest(%(spans)s) AS span (hours)
JOIN telephony_prediction ON outcome <> '' AND settled_at > %(now)s - hours * interval '1 hour'
GROUP BY queue, hours
ON CONFLICT (queue, hours) DO UPDATE SET
    judged = excluded.judged, abandoned = excluded.abandoned, put_off = excluded.put_off, bias = excluded.bias,
    mean_absolute = excluded.mean_absolute, p90_absolute = excluded.p90_absolute, within_p90 = excluded.within_p90,
    computed_at = excluded.computed_at
"""

# Only those whose wait was the queue's own: nothing is learnt of it where the customer's time or the ringing kept them.
# They are chosen by what was predicted, not by what happened, which would lean to one side.
_LAST = """
SELECT known.queue, plain_ewt, plain_p90, waited FROM telephony_queueaccuracy AS known, LATERAL (
    SELECT id, settled_at, plain_ewt, plain_p90, waited FROM telephony_prediction
    WHERE queue = known.queue AND outcome = 'served' AND plain_ewt > earliest
        AND outcome <> '' AND settled_at > %(now)s - %(kept)s
    ORDER BY settled_at DESC, id DESC LIMIT %(most)s
) AS prediction
WHERE known.hours = %(hours)s
ORDER BY known.queue, settled_at, prediction.id
"""

_DELETE = """
DELETE FROM telephony_prediction WHERE id IN (
    SELECT id FROM telephony_prediction WHERE made_at < %(before)s ORDER BY made_at LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
"""


@dataclass(frozen=True)
class Judged:
    """A prediction as the estimator made it, before any correction, and how long the wait came to be, in seconds."""

    plain: Expectation
    waited: float


def predict(owner: str, place: QueuePlace, *, held: float, is_dialled: bool, now: datetime) -> None:
    """Write down what an owner can expect that takes its place; nothing while nobody is logged in for it.

    In a rush not every one: a prediction looks at all who wait, and those of one moment are alike.

    It cannot be served for `held` seconds, and if the customer `is_dialled` first, not before they are reached. In the
    caller's transaction: a prediction that cannot be made is logged, and stops nobody.
    """
    if not _is_due(place.queue):
        return
    try:
        found = estimates.forecast(owner, place, now=now)
    except (ArithmeticError, LookupError, ValueError):
        logger.exception("the wait of %s in queue %s could not be predicted", owner, place.queue)
        return
    if found is None:
        return
    reach = found.reach.mean if is_dialled else 0.0
    slow_reach = reach + (NINE_OF_TEN * found.reach.deviation if is_dialled else 0.0)
    figures: dict[str, Any] = {
        "owner": owner,
        "queue": place.queue,
        "now": now,
        "hour": measures.hour_of_week(now),
        "ahead": found.estimate.ahead,
        "agents": found.estimate.agents,
        "plain_ewt": found.queue.ewt / found.correction.ewt,
        "plain_p90": found.queue.p90 / found.correction.p90,
        "earliest": held + reach,
        "ewt": max(found.queue.ewt, held + reach),
        "p90": max(found.queue.p90, held + slow_reach),
    }
    with connection.cursor() as cursor:
        cursor.execute(_PREDICT, figures)


def _is_due(queue: str) -> bool:
    """True, and remembered, where this process has predicted nobody of the queue for a moment."""
    at = time.monotonic()
    if at - _predicted_at.get(queue, -math.inf) < SPACING:
        return False
    _predicted_at[queue] = at
    return True


def settle(owner: str, outcome: Prediction.Outcome, now: datetime) -> None:
    """What came of the owner's open prediction; settled once, whoever comes second changes nothing.

    One statement, which also takes in how long it stood in the line and whether it left, unless it was put off.
    """
    with connection.cursor() as cursor:
        settled: dict[str, Any] = {"owner": owner, "outcome": outcome.value, "hour": measures.hour_of_week(now)}
        cursor.execute(_SETTLE, settled | {"now": now, "memory": ewt.MEMORY})


def forget(owners: Iterable[str]) -> None:
    """Whom predictions were made to; the figures stay. One that is open is not to be judged any more."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [list(owners)])


def judge(now: datetime) -> int:
    """Compute the errors of every queue and its correction, and remove what is too old; how many were removed."""
    with transaction.atomic(), connection.cursor() as cursor:
        spans = [QueueAccuracy.DAY, QueueAccuracy.WEEK]
        cursor.execute(_JUDGE, {"now": now, "spans": spans})
        # Nothing was settled there for so long that there is nothing to tell.
        QueueAccuracy.objects.exclude(computed_at=now).delete()
        asked: dict[str, Any] = {"hours": QueueAccuracy.WEEK, "kept": KEPT, "most": LEARNT_FROM, "now": now}
        cursor.execute(_LAST, asked)
        _store_corrections(cursor.fetchall(), now)
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, {"before": now - KEPT, "most": DELETE_BATCH})
        return int(cursor.rowcount)


def correction_from(judged: Iterable[Judged]) -> Correction:
    """What is learnt from predictions, in the order in which they were settled."""
    correction = Correction()
    for each in judged:
        said = Expectation(each.plain.ewt * correction.ewt, each.plain.p90 * correction.p90)
        correction = learn(correction, said, each.waited)
    return correction


def _store_corrections(rows: Collection[tuple[str, float, float, float]], now: datetime) -> None:
    learnt = []
    for queue, found in groupby(rows, key=lambda row: row[0]):
        judged = [Judged(Expectation(ewt, p90), waited) for _, ewt, p90, waited in found]
        correction = correction_from(judged)
        for what, factor in (
            (QueueMeasure.What.CORRECTION, correction.ewt),
            (QueueMeasure.What.CORRECTION_P90, correction.p90),
        ):
            learnt.append(QueueMeasure(queue=queue, what=what, seconds=factor, measured=len(judged), measured_at=now))
    QueueMeasure.objects.bulk_create(
        learnt,
        update_conflicts=True,
        unique_fields=["queue", "what"],
        update_fields=["seconds", "measured", "measured_at"],
    )
