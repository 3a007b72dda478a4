"""Everything that happens by the clock: the one table that names every periodic task, what it is for and how often.

Celery Beat asks for them (`CELERY_BEAT_SCHEDULE`); nothing else runs a task again and again. What has a moment of its
own is a timer (`scheduling.timers`); what is due each second or every ten is a source of the tick or of the sweep
(`scheduling.tick`).
"""

from __future__ import annotations

from typing import Any


def _every(seconds: float, task: str, purpose: str, *, expires: int) -> dict[str, Any]:
    """Beat's entry. One that nobody took within `expires` seconds is dropped: the next one does its work as well."""
    # Named as django-celery-beat's columns; it would ignore Celery's own `expires`.
    return {
        "task": task,
        "schedule": seconds,
        "description": purpose,
        "options": {"expire_seconds": expires},
    }


BEAT_SCHEDULE = {
    "tick": _every(
        1.0,
        "scheduling.tasks.tick",
        "Fires due timers and kicks whatever is pending or not yet as wanted.",
        expires=10,
    ),
    "sweep": _every(
        10.0,
        "scheduling.tasks.sweep",
        "Ends and removes callbacks whose time to live is over, and what was left behind.",
        expires=10,
    ),
    "audit": _every(
        60.0,
        "callbacks.tasks.audit",
        "Looks for what must not be so, and keeps what it found.",
        expires=60,
    ),
    "judge predictions": _every(
        60.0,
        "telephony.tasks.judge_predictions",
        "Says how right estimated waits were, learns from it, and removes predictions that are too old.",
        expires=60,
    ),
    "clear sessions": _every(
        3600.0,
        "callbacksite.tasks.clear_sessions",
        "Removes the sessions of the pages' users after their end.",
        expires=3600,
    ),
}
