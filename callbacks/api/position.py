"""Where a callback stands in its queue, in both sets of fields that clients read (wire contract, section 5)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from callbacks.api import errors
from callbacks.flow.session import Stage
from callbacks.flow.states import State
from callbacks.models import Callback
from services import resolution
from services.models import ConfiguredService
from telephony import estimates
from telephony.estimates import Position

# Seconds: what clients take for "not known yet".
UNKNOWN = 10_000


def of(callback: Callback, now: datetime) -> dict[str, Any]:
    """The answer for a callback that is not over; for a scheduled one, what it would be if it joined its queue now."""
    if callback.state == State.SCHEDULED:
        return _written(_if_it_joined(callback, now))
    return _written(estimates.position(callback.pk, now=now) or _beyond_the_queue(callback))


def _if_it_joined(callback: Callback, now: datetime) -> Position:
    # A callback that is not over has its service (`callback_live_has_service`).
    service = cast("ConfiguredService", callback.service)
    given = {**callback.properties, **callback.overrides, **callback.user_data}
    with errors.of_configuration():
        queue, target, priority = (
            resolution.resolve_one(service, name, overrides=callback.overrides, parameters=given)
            for name in ("_urs_virtual_queue", "_target", "_urs_vq_priority")
        )
    expected = estimates.estimate(str(queue), str(target), now=now, priority=cast("int", priority or 0))
    return Position(
        ewt=expected.ewt.total_seconds() if expected.is_known else None,
        position=expected.ahead + 1,
        total_waiting=expected.waiting + 1,
        ready_threshold_passed=False,
    )


def _beyond_the_queue(callback: Callback) -> Position:
    """It waits no more: its agent takes the call, or none was found."""
    return Position(ewt=0.0, position=0, total_waiting=0, ready_threshold_passed=callback.stage != Stage.APOLOGY)


def _written(position: Position) -> dict[str, Any]:
    ewt = UNKNOWN if position.ewt is None else min(position.ewt, UNKNOWN)
    return {
        "_position": str(position.position),
        "_eta": str(round(ewt)),
        "_total_waiting": str(position.total_waiting),
        "_agent_ready_threshold_passed": position.ready_threshold_passed,
        "ewt": round(ewt, 3),
    }
