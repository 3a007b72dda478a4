"""The telephony process: listens to switches and writes what happens on them, one holder of the lease at a time.

A `Post` is one switch's thread. It stands by until it gets the lease, then reads the switch's events and hands them to
`telephony.reports` in batches, with the epoch of its lease. The database may go away meanwhile: the post keeps its
socket and what it has read, and asks again; only another holder makes it drop both.

While the broker is away this process does for live calls what workers and the tick do otherwise, so that a customer on
the line does not hear silence because Redis is down.
"""

from __future__ import annotations

import logging
import os
import queue
import secrets
import socket
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from celery import current_app
from django.db import InterfaceError, OperationalError, close_old_connections, connections, transaction
from django.utils import timezone

from scheduling import kick
from telephony import lease, switches
from telephony.inbound_models import ArrivedCall
from telephony.models import Leg, Switch
from telephony.switch import LegState, Listener, Rejected, SwitchEvent, Unavailable

logger = logging.getLogger(__name__)

BATCH = 50
# More than a switch says in an outage that anybody waits for; beyond it, listening starts afresh with a snapshot.
HELD_LIMIT = 10_000
STAND_BY_SECONDS = 1.0
RETRY_SECONDS = 0.25
IDLE_SECONDS = 0.25
STOP_SECONDS = 2.0
# What a listener is made from: a change in admin closes the old one.
CONFIGURATION = ("kind", "ari_url", "ari_user", "ari_password", "ari_app", "detection_context", "sound_prefix")


class Overflow(Exception):
    """More events are held than fit in memory."""


class Hands:
    """A few threads for what must not hold up the reading of events. The same work waiting twice is done once."""

    def __init__(self, threads: int = 4) -> None:
        self._queue: queue.SimpleQueue[tuple[Hashable, Callable[[], object]]] = queue.SimpleQueue()
        self._waiting: set[Hashable] = set()
        self._lock = threading.Lock()
        for number in range(threads):
            threading.Thread(target=self._work, name=f"hands-{number}", daemon=True).start()

    def do(self, key: Hashable, work: Callable[[], object]) -> None:
        with self._lock:
            if key in self._waiting:
                return
            self._waiting.add(key)
        self._queue.put((key, work))

    def carry_out(self, task: str, args: tuple[str, ...]) -> None:
        """Run a task here, because the broker cannot take it. What is not chained may take seconds: the tick has it."""
        if kick.is_chained(task):
            self.do((task, args), partial(run_task, task, args))

    def _work(self) -> None:
        while True:
            key, work = self._queue.get()
            # Before the work, not after: what is asked for from now on may not be seen by it any more.
            with self._lock:
                self._waiting.discard(key)
            try:
                close_old_connections()
                work()
            except Exception:
                logger.exception("could not carry out %s", key)
            finally:
                close_old_connections()


def run_task(task: str, args: tuple[str, ...]) -> None:
    current_app.tasks[task](*args)


def delete_unknown(row: Switch, leg: str) -> None:
    """Delete a leg of ours that no open row knows; where that fails, the next snapshot shows it again."""
    try:
        switches.connect(row).delete_leg(leg)
    except (Rejected, Unavailable) as error:
        logger.warning("%s: unknown leg %s is not deleted: %s", row.name, leg, error)
    else:
        logger.info("%s: unknown leg %s deleted", row.name, leg)


def keeps_events(listener: Listener) -> bool:
    """Whether the listener has its events until more are asked for, and gives them again to whoever comes next."""
    return bool(getattr(listener, "keeps_events", False))


def promptly(listener: Listener) -> Iterator[SwitchEvent | None]:
    """The listener's events, and None as soon as no more are there: waiting for its own would delay every batch."""
    if keeps_events(listener):
        yield from listener.events()
        return
    arrived: queue.SimpleQueue[SwitchEvent | None] = queue.SimpleQueue()

    def read() -> None:
        try:
            for event in listener.events():
                if event is not None:
                    arrived.put(event)
        except Exception:
            logger.exception("reading events failed")
        finally:
            arrived.put(None)

    threading.Thread(target=read, name="events", daemon=True).start()
    patience = 0.0
    while True:
        try:
            event = arrived.get(timeout=patience)
        except queue.Empty:
            yield None
            patience = IDLE_SECONDS
            continue
        if event is None:
            return
        yield event
        patience = 0.0


@dataclass(frozen=True)
class Tenure:
    """One time of holding the lease, shared by the thread that reads and the one that renews."""

    epoch: int
    listener: Listener
    over: threading.Event = field(default_factory=threading.Event)
    # Another process has taken over.
    lost: threading.Event = field(default_factory=threading.Event)


class Post(threading.Thread):
    """One switch's thread: stands by, listens, writes."""

    def __init__(self, row: Switch, *, holder: str, hands: Hands) -> None:
        super().__init__(name=f"post-{row.name}", daemon=True)
        self.row = row
        self.holder = holder
        self.holding = False
        self._hands = hands
        self._ending = threading.Event()

    def end(self) -> None:
        """Ask the thread to release the lease, close its socket and end."""
        self._ending.set()

    def run(self) -> None:
        while not self._ending.is_set():
            try:
                epoch = lease.acquire(switch=self.row.pk, holder=self.holder)
                if epoch is not None:
                    self._hold(epoch)
            except lease.Superseded:
                logger.warning("%s: another process listens now", self.row.name)
            except (OperationalError, InterfaceError) as error:
                logger.warning("%s: the database does not answer: %s", self.row.name, error)
            except Exception:
                logger.exception("%s: listening failed", self.row.name)
            close_old_connections()
            self._ending.wait(STAND_BY_SECONDS)
        connections.close_all()

    def _hold(self, epoch: int) -> None:
        """Listen for as long as the lease is ours. The lease goes back before the socket closes: a slow close may not
        keep the stand-by waiting, and what the switch says in between is in the stand-by's snapshot."""
        logger.info("%s: listening, epoch %s", self.row.name, epoch)
        tenure = Tenure(epoch, switches.listen(self.row))
        threading.Thread(target=self._renew, args=(tenure,), name=f"lease-{self.row.name}", daemon=True).start()
        self.holding = True
        try:
            self._read(tenure)
        finally:
            self.holding = False
            tenure.over.set()
            try:
                with suppress(OperationalError, InterfaceError):
                    lease.release(switch=self.row.pk, holder=self.holder, epoch=epoch)
            finally:
                tenure.listener.close()

    def _renew(self, tenure: Tenure) -> None:
        """Keep the lease, in a thread of its own, so that a slow batch does not lose it."""
        pause = 0.0
        while not tenure.over.wait(pause):
            connected = tenure.listener.connected
            try:
                lease.renew(switch=self.row.pk, holder=self.holder, epoch=tenure.epoch, connected=connected)
                # Nobody may dial before the first renewal with a socket.
                pause = lease.RENEW_SECONDS if connected else RETRY_SECONDS
            except lease.Superseded:
                tenure.lost.set()
                break
            except Exception as error:  # noqa: BLE001 (the lease runs out by itself; nobody dials meanwhile)
                logger.warning("%s: the lease cannot be renewed: %s", self.row.name, error)
                pause = RETRY_SECONDS
                close_old_connections()
        connections.close_all()

    def _read(self, tenure: Tenure) -> None:
        """Read events and hand them in: a full batch at once, fewer when no more are there at the moment.

        What cannot be handed in is held. Meanwhile the socket is still read, since answered customers go on into
        detection there; but a listener that keeps its events itself takes being asked for more as the sign that they
        are written.
        """
        held: list[SwitchEvent] = []
        retry_at = 0.0
        for event in promptly(tenure.listener):
            if event is not None:
                held.append(event)
            if (event is None or len(held) >= BATCH) and time.monotonic() >= retry_at:
                held = self._hand_in(tenure.epoch, held)
                while held and keeps_events(tenure.listener) and not self._leaving(tenure):
                    self._ending.wait(RETRY_SECONDS)
                    held = self._hand_in(tenure.epoch, held)
                retry_at = time.monotonic() + RETRY_SECONDS if held else 0.0
            if len(held) > HELD_LIMIT:
                raise Overflow(f"{len(held)} events could not be written")
            if tenure.lost.is_set():
                raise lease.Superseded(f"switch {self.row.pk}, epoch {tenure.epoch}")
            if self._ending.is_set():
                self._hand_in(tenure.epoch, held)
                return
        logger.warning("%s: the switch closed the event socket for good; standing by", self.row.name)

    def _leaving(self, tenure: Tenure) -> bool:
        return tenure.lost.is_set() or self._ending.is_set()

    def _hand_in(self, epoch: int, events: list[SwitchEvent]) -> list[SwitchEvent]:
        """Write the events, batch by batch; returns those that the database would not take now."""
        while events:
            try:
                unknown = self._write(epoch, events[:BATCH])
            except (OperationalError, InterfaceError) as error:
                logger.warning("%s: %s events wait for the database: %s", self.row.name, len(events), error)
                close_old_connections()
                return events
            for leg in unknown:
                self._hands.do(("delete", leg), partial(delete_unknown, self.row, leg))
            events = events[BATCH:]
        return []

    def _write(self, epoch: int, events: list[SwitchEvent]) -> list[str]:
        """Write a batch under the lease. One that fails for another reason than the database is taken apart, so that a
        single event that cannot be written does not hold up all that follow; that one is dropped."""
        from telephony import reports

        try:
            with transaction.atomic():
                lease.confirm(switch=self.row.pk, epoch=epoch)
                return reports.record(switch=self.row.pk, events=events, now=timezone.now())
        except (lease.Superseded, OperationalError, InterfaceError):
            raise
        except Exception:
            if len(events) == 1:
                logger.exception("%s: an event is dropped: %s", self.row.name, type(events[0]).__name__)
                return []
        return [leg for event in events for leg in self._write(epoch, [event])]


def serve(*, only: str | None, stop: threading.Event) -> None:
    """Listen to every configured switch, or to the one named `only`, until `stop` is set; end within two seconds."""
    # Otherwise only Celery's own programs import the tasks, which `Hands.carry_out` looks up by name.
    current_app.autodiscover_tasks(force=True)
    holder = f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"
    hands = Hands()
    kick.carry_out_with(hands.carry_out)
    posts: dict[int, Post] = {}
    threading.Thread(target=stand_in, args=(posts, stop), name="stand-in", daemon=True).start()
    while not stop.is_set():
        try:
            assign(posts, only=only, holder=holder, hands=hands)
        except (OperationalError, InterfaceError) as error:
            logger.warning("the database does not answer: %s", error)
            close_old_connections()
        stop.wait(STAND_BY_SECONDS)
    for post in posts.values():
        post.end()
    deadline = time.monotonic() + STOP_SECONDS
    for post in posts.values():
        post.join(max(0.0, deadline - time.monotonic()))
    kick.carry_out_with(None)


def assign(posts: dict[int, Post], *, only: str | None, holder: str, hands: Hands) -> None:
    """Give every switch its post, and end those of switches that were removed or configured anew."""
    rows = Switch.objects.all() if only is None else Switch.objects.filter(name=only)
    configured = {row.pk: row for row in rows}
    for switch, post in list(posts.items()):
        row = configured.get(switch)
        if row is None or any(getattr(row, name) != getattr(post.row, name) for name in CONFIGURATION):
            post.end()
        if not post.is_alive():
            del posts[switch]
    for switch, row in configured.items():
        if switch not in posts:
            posts[switch] = Post(row, holder=holder, hands=hands)
            posts[switch].start()


def live_legs() -> bool:
    """Whether anybody is on the line, on any switch."""
    return Leg.objects.exclude(state=LegState.ENDED).exists() or ArrivedCall.objects.exists()


def stand_in(posts: dict[int, Post], stop: threading.Event) -> None:
    """Each second while the broker is away, do what the tick does for callbacks with a live leg.

    The broker is asked, not only noticed when a publish fails: with nothing published here, the due timers of live
    calls would wait for it unnoticed.
    """
    while not stop.wait(1.0):
        try:
            listening = any(post.holding for post in list(posts.values()))
            if listening and live_legs() and not kick.probe():
                from scheduling import tick

                tick.sweep_live(timezone.now())
        except Exception:
            logger.exception("could not stand in for the broker")
            close_old_connections()
