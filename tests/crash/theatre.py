"""A world whose processes can be stopped, and whose time passes at once.

The switch's people and the product's timers share one clock: when everybody is idle, it leaps to whatever comes next.
So a run takes as long as its statements do, and the same run meets the same points in the same order.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar
from unittest import mock

from celery import current_app
from django.db import InterfaceError, OperationalError, connection, connections
from django.utils import timezone

from callbacks import actions
from callbacks.models import Callback
from scheduling import kick, tick
from telephony import lease, process
from telephony.models import Switch
from telephony.simulator import listener
from tests.crash.points import Points
from tests.world import World

T = TypeVar("T")

TICK = timedelta(seconds=1)
SWEEP = timedelta(seconds=10)
# Nothing may take longer, whoever dies: it is stuck.
PATIENCE = timedelta(minutes=30)

# What happens next: on the switch by itself, by the product with one of its ticks; and whether anything is left to do.
NEXT = """
SELECT extract(epoch FROM (SELECT min(at) FROM telephony_simulatedhappening) - statement_timestamp())::float8,
    extract(epoch FROM least(
        (SELECT min(due_at) FROM scheduling_timer),
        (SELECT min(start_base) FROM callbacks_callback),
        (SELECT min(look_at) FROM callbacks_pending),
        (SELECT min(look_at) FROM telephony_call WHERE NOT settled),
        (SELECT min(sent_at) + interval '2 s' FROM telephony_leg WHERE state = 'sent' AND NOT dialling_seen),
        (SELECT min(reserved_until) FROM telephony_agent WHERE reserved_for IS NOT NULL),
        (SELECT %(now)s FROM telephony_agent WHERE release_as <> '' LIMIT 1),
        (SELECT max(eligible_at) FROM telephony_queueentry
            WHERE EXISTS (SELECT FROM telephony_agent WHERE state = 'ready')),
        (SELECT min(wrap_up_until) FROM telephony_agent WHERE EXISTS (SELECT FROM telephony_queueentry))
    ) - %(now)s)::float8,
    EXISTS (SELECT FROM callbacks_callback WHERE stage <> 'ended')
        OR EXISTS (SELECT FROM callbacks_pending)
        OR EXISTS (SELECT FROM telephony_call WHERE NOT settled)
        OR EXISTS (SELECT FROM telephony_leg WHERE state <> 'ended')
        OR EXISTS (SELECT FROM telephony_simulatedleg)
        OR EXISTS (SELECT FROM telephony_agent WHERE reserved_for IS NOT NULL)
"""

PASS = """
WITH happening AS (
    UPDATE telephony_simulatedhappening SET at = at - make_interval(secs => %(time)s)
), leg AS (
    UPDATE telephony_simulatedleg SET created_at = created_at - make_interval(secs => %(time)s),
        dialled_at = dialled_at - make_interval(secs => %(time)s),
        rings_at = rings_at - make_interval(secs => %(time)s),
        answers_at = answers_at - make_interval(secs => %(time)s), beep_at = beep_at - make_interval(secs => %(time)s)
)
UPDATE telephony_call SET claim_until = claim_until - make_interval(secs => %(time)s) WHERE claim_until IS NOT NULL
"""

TABLES = """
    callbacks_pending
    callbacks_journalentry
    callbacks_attempt
    callbacks_callback
    scheduling_timer
    telephony_leg
    telephony_call
    telephony_queueentry
    telephony_unconfirmeddeletion
    telephony_simulatedhappening
    telephony_simulatedleg
    telephony_agentgroup_agents
    telephony_agentgroup
    telephony_agent
    telephony_virtualqueue
    telephony_routepoint
    telephony_switch
    services_configuredservice
"""
# One statement, whose foreign keys are looked at when it is over.
_DELETIONS = ", ".join(f"t{number} AS (DELETE FROM {table})" for number, table in enumerate(TABLES.split()))  # noqa: S608
FORGET = f"WITH {_DELETIONS} SELECT"


class Killed(BaseException):
    """SIGKILL: not even `except Exception` runs any more."""


class Mishaps(logging.Handler):
    """Exceptions that a process caught and only logged; one whose session was ended may say so."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, OperationalError | InterfaceError):
            self.texts.append(f"{record.getMessage()}: {error!r}")


class Theatre(World):
    """`play` is how every process takes its turn; who stops whom there is for the subclass to say."""

    points: Points

    def __init__(self, *, agents: tuple[str, ...], options: dict[str, str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(FORGET)
        self.posts = itertools.count(1)
        self.post: process.Post | None = None
        self.kept_at = 0.0
        self.offset = timedelta()
        self.ticked_at = self.swept_at = self.began_at = self.listed_at = self.now()
        super().__init__(agents=agents, **options)

    def play(self, who: str, work: Callable[[], T]) -> T | None:
        """Let a process do some work; None when it did not survive it."""
        raise NotImplementedError

    @contextmanager
    def performance(self) -> Iterator[None]:
        """One clock, one broker, and points at every commit and act, for as long as the play lasts."""
        self.mishaps = Mishaps()
        with (
            mock.patch.object(logging.root, "handlers", [*logging.root.handlers, self.mishaps]),
            mock.patch.multiple(kick, _carry_out=self.take_kick, broker_is_down=lambda: True),
            mock.patch.object(timezone, "now", self.now),
            mock.patch.object(listener, "POLL_SECONDS", 0.0),
            self.points.installed(),
            self.points.watching(connections["default"]),
        ):
            yield

    def take_kick(self, task: str, args: tuple[str, ...]) -> None:
        self.kicks.append((task, args))
        self.points.after(f"publishing {task.rpartition('.')[2]}")

    # The processes

    def request(self, parameters: dict[str, str], desired_in: float | None) -> Callback | None:
        """A client's start request; None when nobody answered it."""
        desired = None if desired_in is None else self.now() + timedelta(seconds=desired_in)
        return self.play(
            "web",
            lambda: actions.start(
                service=self.service, parameters=parameters, desired_at=desired, actor="test", now=self.now()
            ),
        )

    def step(self) -> bool:
        busy = False
        while self.kicks:
            task, args = self.kicks.pop(0)
            self.play(f"worker {task.rpartition('.')[2]}", lambda: current_app.tasks[task].run(*args))  # noqa: B023
            busy = True
        return bool(self.play("telephony", self.listen)) or busy

    def listen(self) -> bool:
        """The telephony process's own way of reading and writing, one batch of it."""
        if self.listener is None or self.post is None:
            self.take_over()
        assert self.listener is not None
        assert self.post is not None
        post, epoch, stream = self.post, self.epoch, self.stream
        if self.now() - self.listed_at > timedelta(seconds=30):
            self.listener._connected = False
            self.listed_at = self.now()
        batch = []
        while (event := next(stream)) is not None:
            batch.append(event)
        held = post._hand_in(epoch, batch)
        # Only a process whose connection was cut in its sleep has anything left to ask for again.
        assert not held or not post._hand_in(epoch, held)
        return bool(batch)

    def take_over(self) -> None:
        """Another telephony process, as soon as the lease of the one before it has run out."""
        holder = f"telephony-{next(self.posts)}"
        Switch.objects.filter(pk=self.switch.pk).update(lease_until=None)
        self.epoch = lease.acquire(switch=self.switch.pk, holder=holder) or 0
        self.post = process.Post(self.switch, holder=holder, hands=self)  # type: ignore[arg-type]
        self.listener = listener.SimulatorListener(self.switch.pk)
        self.stream = self.listener.events()
        self.listed_at = self.now()
        self.keep_lease()

    def do(self, key: Hashable, work: Callable[[], object]) -> None:
        """The telephony process's hands."""
        work()

    def keep_lease(self) -> None:
        self.kept_at = time.monotonic()
        if self.post is not None:
            lease.renew(switch=self.switch.pk, holder=self.post.holder, epoch=self.epoch, connected=True)

    def the_listener_is_gone(self) -> None:
        self.listener = self.post = None

    def tick(self) -> None:
        self.ticked_at = self.now()
        self.play("beat", lambda: tick.tick(self.now()))
        if self.now() - self.swept_at >= SWEEP:
            self.swept_at = self.now()
            self.play("beat", lambda: tick.sweep(self.now()))

    # The clock

    def run(self, until: Callable[[], bool] | None = None, *, seconds: float = 60.0) -> None:
        """Run until something is so, or until everything is over; looked at whenever everybody is idle."""
        deadline = time.monotonic() + seconds
        while True:
            while self.step():
                pass
            if until is not None and until():
                return
            on_the_switch, by_a_tick, unfinished = self.next()
            if until is None and not unfinished:
                return
            if time.monotonic() > deadline or self.now() - self.began_at > PATIENCE:
                raise AssertionError("it did not come to pass")
            self.leap(on_the_switch, by_a_tick)

    def next(self) -> tuple[timedelta | None, timedelta | None, bool]:
        with connection.cursor() as cursor:
            cursor.execute(NEXT, {"now": self.now()})
            on_the_switch, by_a_tick, unfinished = cursor.fetchone()
        return _seconds(on_the_switch), _seconds(by_a_tick), unfinished

    def leap(self, on_the_switch: timedelta | None, by_a_tick: timedelta | None) -> None:
        """Nobody has anything to do: let the time pass to what happens next, without ticks that would find nothing."""
        if by_a_tick is not None:
            by_a_tick = max(by_a_tick, self.ticked_at + TICK - self.now())
        leap = min((some for some in (on_the_switch, by_a_tick) if some is not None), default=SWEEP)
        leap = max(leap, timedelta()) + timedelta(milliseconds=1)
        self.offset += leap
        # Where the database's own clock counts, the past is moved instead.
        with connection.cursor() as cursor:
            cursor.execute(PASS, {"time": leap.total_seconds()})
        if time.monotonic() > self.kept_at + 1:
            self.keep_lease()
        if leap >= SWEEP or (by_a_tick is not None and by_a_tick <= leap):
            self.tick()

    def stage(self) -> str:
        return Callback.objects.values_list("stage", flat=True).first() or ""

    def has_ended(self, pk: str) -> bool:
        return Callback.objects.filter(pk=pk, stage="ended").exists()


def _seconds(number: float | None) -> timedelta | None:
    return None if number is None else timedelta(seconds=number)


class Mortal(Theatre):
    """Processes die at one point. Their work dies with them, or the broker hands it out again (`redelivered`)."""

    def __init__(self, at: int, *, redelivered: bool = False, **world: Any) -> None:
        self.points = Points(at, self.kill, twins=False)
        self.redelivered = redelivered
        self.dead = False
        super().__init__(**world)

    def kill(self, name: str, inside: bool) -> None:
        self.dead = True
        connections["default"].close()
        raise Killed(name)

    def play(self, who: str, work: Callable[[], T]) -> T | None:
        try:
            with self.points.counting(who):
                return work()
        except BaseException:
            # Whatever the dying still raise on their way out of `finally` is not heard by anybody.
            if not self.dead:
                raise
        self.dead = False
        self.points.struck += f" ({who})"
        if who == "telephony":
            self.the_listener_is_gone()
        if self.redelivered and who.startswith("worker"):
            self.kicks.append(self.working_on)
        return None

    def step(self) -> bool:
        if self.kicks:
            self.working_on = self.kicks[0]
        return super().step()


class Freezing(Theatre):
    """A process freezes at one point, and the others go on without it until it thaws.

    `soon`: in the midst of whoever takes over, right after the first thing that they do on the switch. Else when
    everything is over. The server ends the session of one who freezes inside of a transaction, or holding a lock.
    """

    def __init__(self, at: int, *, soon: bool, **world: Any) -> None:
        self.points = Points(at, self.freeze, twins=True)
        self.news: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.sun = threading.Event()
        self.actor = ThreadPoolExecutor(max_workers=1)
        self.sleeper: Future[Any] | None = None
        if soon:
            self.points.acted = self.thaw
        super().__init__(**world)

    @contextmanager
    def performance(self) -> Iterator[None]:
        with super().performance():
            try:
                self.actor.submit(self.enter).result()
                yield
            finally:
                self.sun.set()
                self.actor.submit(self.leave).result()
                self.actor.shutdown()

    def enter(self) -> None:
        self.watch = self.points.watching(connections["default"])
        self.watch.__enter__()

    def leave(self) -> None:
        self.watch.__exit__(None, None, None)
        connections["default"].close()

    def freeze(self, name: str, inside: bool) -> None:
        self.session = connections["default"].connection.info.backend_pid
        self.news.put("inside" if inside else "outside")
        self.sun.wait()

    def play(self, who: str, work: Callable[[], T]) -> T | None:
        if self.points.struck:
            return work()
        turn = self.actor.submit(self.act, who, work)
        turn.add_done_callback(lambda _: self.news.put("done"))
        news = self.news.get(timeout=30)
        if news == "done":
            return turn.result()
        self.sleeper = turn
        self.points.struck += f" ({who})"
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = %s)", [self.session]
            )
            if news == "inside" or cursor.fetchone()[0]:
                cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [self.session])
        if who == "telephony":
            self.the_listener_is_gone()
        return None

    def act(self, who: str, work: Callable[[], T]) -> T:
        with self.points.counting(who):
            return work()

    def thaw(self) -> None:
        """Let the frozen one finish what it was about to do, as if no time had passed."""
        if self.sleeper is None:
            return
        sleeper, self.sleeper = self.sleeper, None
        self.sun.set()
        # Its session is gone, somebody else listens to the switch, or the customer has asked again meanwhile.
        with suppress(OperationalError, InterfaceError, lease.Superseded, actions.Refused):
            sleeper.result(timeout=30)

    def run(self, until: Callable[[], bool] | None = None, *, seconds: float = 60.0) -> None:
        super().run(until, seconds=seconds)
        if until is None and self.sleeper is not None:
            self.thaw()
            super().run(seconds=seconds)
