"""Asking a worker to look at something, after the commit. Redis carries nothing else.

A lost kick loses nothing: what it pointed to is in the database, and the tick kicks it again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial, wraps

from celery import current_app
from django.db import transaction
from structlog.contextvars import clear_contextvars

logger = logging.getLogger(__name__)

# After a failed publish the broker is left alone for that long, so that an outage costs one time-out, not one a kick.
RETRY_BROKER_AFTER = 1.0

# More than workers get through in a moment: while that many kicks wait, the tick adds none.
BACKLOG = 100

_broker_down_until = 0.0
_carry_out: Callable[[str, tuple[str, ...]], None] | None = None
_local = threading.local()
# The tasks that are carried out by whoever kicks them; a push may take seconds and waits for a worker of its own queue.
_chained: set[str] = set()


def carry_out_with(function: Callable[[str, tuple[str, ...]], None] | None) -> None:
    """Let this process do itself what the broker cannot take; for the telephony process."""
    global _carry_out
    _carry_out = function


def broker_is_down() -> bool:
    """Whether the last publish of this process failed a moment ago."""
    return time.monotonic() < _broker_down_until


def kick(task: str, *args: str) -> None:
    """Have `task` looked at after the current transaction commits. Never raises: a dead broker fails no request."""
    transaction.on_commit(partial(publish, task, args))


def publish(task: str, args: tuple[str, ...]) -> None:
    """Hand a kick to the broker; that of a chained task, inside another one, to the task itself."""
    global _broker_down_until
    following: list[tuple[str, tuple[str, ...]]] | None = getattr(_local, "following", None)
    if following is not None and is_chained(task):
        if (task, args) not in following:
            following.append((task, args))
        return
    if not broker_is_down():
        try:
            current_app.send_task(task, args=args, retry=False)
            return
        except Exception as error:  # noqa: BLE001 (whatever the client library raises, the commit stands)
            _broker_down_until = time.monotonic() + RETRY_BROKER_AFTER
            logger.warning("broker unavailable, %s of %s is left to the tick: %s", task, " ".join(args), error)
    if _carry_out is not None:
        _carry_out(task, args)


def kicks_to_spare() -> int:
    """How many kicks the tick may repeat now; none while workers are behind.

    What it would kick again most likely still waits in the broker's queue, and every repetition keeps workers longer
    from the rest, until they do nothing else.
    """
    if broker_is_down():
        return BACKLOG
    try:
        with current_app.connection_or_acquire() as broker:
            queue = broker.default_channel.queue_declare(current_app.conf.task_default_queue, passive=True)
            return max(0, BACKLOG - int(queue.message_count))
    except Exception:  # noqa: BLE001 (an empty queue does not exist; of a dead broker each kick finds out by itself)
        return BACKLOG


def is_chained(task: str) -> bool:
    """True if the task, by its name, is quick enough to be carried out in place of a worker of its queue."""
    return task in _chained


def chained(task: Callable[[str], None]) -> Callable[[str], None]:
    """Carry out here, one after the other, the kicks of chained tasks that a task gives.

    An answer leads to a decision, the decision to a sound: handing each step to the broker would cost the customer the
    way through the queue each time, and the machine a message each time.
    """

    _chained.add(f"{task.__module__}.{task.__name__}")

    @wraps(task)
    def run(arg: str) -> None:
        # What a task bound for its log lines stays so until the next one: Celery logs a failure after it.
        clear_contextvars()
        if getattr(_local, "following", None) is not None:
            task(arg)
            return
        _local.following = []
        try:
            task(arg)
            while _local.following:
                name, args = _local.following.pop(0)
                current_app.tasks[name].run(*args)
        finally:
            _local.following = None

    return run


def probe() -> bool:
    """Ask the broker itself: True when it answers; otherwise it counts as down, as after a failed publish."""
    global _broker_down_until
    try:
        with current_app.connection_for_write() as broker:
            # Not `connect()`, which sleeps two seconds and tries again.
            try:
                broker.transport.establish_connection()
            finally:
                # Made by hand, it is not closed with the connection.
                broker.transport.close_connection(None)
    except Exception as error:  # noqa: BLE001 (whatever the client library raises, there is no broker)
        _broker_down_until = time.monotonic() + RETRY_BROKER_AFTER
        logger.warning("broker unavailable: %s", error)
        return False
    _broker_down_until = 0.0
    return True
