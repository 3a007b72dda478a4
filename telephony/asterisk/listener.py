"""The one reader of an Asterisk's events: a socket, kept open, and what must be done the moment an event arrives."""

from __future__ import annotations

import base64
import json
import logging
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.sync.client import ClientConnection, connect

from telephony.asterisk.ari import CONNECT_SECONDS, Ari, Settings, SwitchRow, part, unexpected
from telephony.asterisk.client import BEEP_MEDIA_VARIABLE, start_playback
from telephony.asterisk.translate import EVENT_TYPES, BeepOver, Detect, Fact, Replaced, Translator
from telephony.switch import Arrived, Progress, Rejected, Snapshot, SoundsFinished, SwitchEvent, Unavailable, Verdict

logger = logging.getLogger(__name__)

IDLE_SECONDS = 0.25
SNAPSHOT_SECONDS = 30.0
# After a connect once more: a leg just sent when the first list was taken is not yet missed by whoever reads it.
SECOND_SNAPSHOT_SECONDS = 3.0
RECONNECT_SECONDS = (0.1, 0.25, 0.5, 1.0)
# Longer than a lease (6 s) and its renewal: a process that was rightly replaced has closed its listener by then, and
# one that still holds the lease was replaced by a stranger and takes the application back.
STAND_BY_SECONDS = 10.0
PING_SECONDS = 2.0
PONG_SECONDS = 4.0
# A periodic list waits this often, this long, for the ends of legs that it no longer shows.
SETTLE_TRIES = 5
SETTLE_SECONDS = 0.1


class AsteriskListener:
    """Reads in a thread of its own, so that a slow request never holds up whoever iterates `events`.

    1. Connect; on a loss, again after 0.1 … 1 s, for ever.
    2. After every connect, 3 s later, and every 30 s: list our channels and yield a `Snapshot`.
    3. Answered legs that asked for detection, also those answered while nobody listened, go on into it at once.
    4. Replaced by another listener: `connected` is False and only None is yielded. Its owner closes it when it has lost
       the lease; one that still has it after 10 s gets the application back.
    5. Facts already read stay in memory until they are taken, also when the socket is gone.
    """

    def __init__(self, row: SwitchRow) -> None:
        self.settings = Settings.of(row)
        self._ari = Ari(self.settings)
        self._translator = Translator(self.settings.app)
        self._facts: queue.SimpleQueue[SwitchEvent] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._connected = False
        # The open event socket; tests cut it.
        self.socket: ClientConnection | None = None
        self._thread: threading.Thread | None = None

    @property
    def connected(self) -> bool:
        """True from the first snapshot of a connection until its loss."""
        return self._connected

    def events(self) -> Iterator[SwitchEvent | None]:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"asterisk-{self.settings.app}", daemon=True)
            self._thread.start()
        while not self._closed.is_set():
            try:
                yield self._facts.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                yield None

    def close(self) -> None:
        """Close the socket at once; `events` ends. Safe to call twice and from any thread."""
        self._closed.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5)
        self._ari.close()

    def _run(self) -> None:
        failures = 0
        while not self._closed.is_set():
            pause = RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)]
            failures += 1
            try:
                with self._connect() as self.socket:
                    self._serve(self.socket)
            except Replaced:
                logger.warning("Another listener took over the application %s: standing by", self.settings.app)
                pause = STAND_BY_SECONDS
            except (OSError, WebSocketException, Unavailable) as error:
                if failures == 1 or self._connected:
                    logger.warning("No events from Asterisk at %s: %s", self.settings.url, error)
            except Exception:
                # A fault in one event must not leave the customers on the line without a listener for good.
                logger.exception("The Asterisk listener failed; connecting again")
            if self._connected:
                failures = 0
            self._connected = False
            self._closed.wait(pause)

    def _connect(self) -> ClientConnection:
        settings = self.settings
        login = base64.b64encode(f"{settings.user}:{settings.password}".encode()).decode()
        return connect(
            f"ws{settings.url.removeprefix('http')}/ari/events?app={part(settings.app)}",
            additional_headers={"Authorization": f"Basic {login}"},
            open_timeout=CONNECT_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PONG_SECONDS,
            close_timeout=1,
            # Asterisk drops a reader that is slow: take everything off the socket, whatever we are busy with.
            max_queue=None,
            proxy=None,
        )

    def _serve(self, socket: ClientConnection) -> None:
        """Read one connection until it is lost or no longer wanted."""
        self._filter_events()
        self._snapshot(socket, connected_anew=True)
        self._connected = True
        logger.info("Listening to Asterisk at %s as %s", self.settings.url, self.settings.app)
        next_snapshot = time.monotonic() + min(SECOND_SNAPSHOT_SECONDS, SNAPSHOT_SECONDS)
        while not self._closed.is_set():
            self._read_one(socket, IDLE_SECONDS)
            if time.monotonic() >= next_snapshot:
                self._snapshot(socket, connected_anew=False)
                next_snapshot = time.monotonic() + SNAPSHOT_SECONDS

    def _read_one(self, socket: ClientConnection, seconds: float) -> None:
        try:
            text = socket.recv(timeout=seconds)
        except TimeoutError:
            return
        except ConnectionClosed as closed:
            raise Unavailable(f"the event socket was closed: {closed}") from closed
        for fact in self._translator.read(json.loads(text)):
            self._take(fact)

    def _filter_events(self) -> None:
        """Ask only for the events that are read; an Asterisk that cannot filter sends all, which does no harm."""
        wanted = {"allowed": [{"type": kind} for kind in EVENT_TYPES]}
        self._ari.request("PUT", f"/applications/{part(self.settings.app)}/eventFilter", body=wanted)

    def _snapshot(self, socket: ClientConnection, *, connected_anew: bool) -> None:
        """List the legs; a periodic list first lets the ends arrive of those that just ended, which know the cause."""
        for tries_left in reversed(range(SETTLE_TRIES)):
            expected = set(self._translator.legs)
            taken_at = datetime.now(UTC)
            listed = self._ari.our_channels()
            channels = [channel for channel in listed if channel["id"] not in self._translator.ended]
            gone = expected - {channel["id"] for channel in channels}
            if connected_anew or not gone or not tries_left:
                break
            until = time.monotonic() + SETTLE_SECONDS
            while gone & self._translator.legs.keys() and time.monotonic() < until:
                self._read_one(socket, SETTLE_SECONDS / 5)
        snapshot = Snapshot(self._ari.legs_of(channels), taken_at)
        facts = list(self._translator.listed(channels, gone, connected_anew=connected_anew))
        # Who has called is told before the list, in which they would be strangers.
        facts.sort(key=lambda fact: not isinstance(fact, Arrived))
        strangers = sum(isinstance(fact, Arrived) for fact in facts)
        for fact in (*facts[:strangers], snapshot, *facts[strangers:]):
            self._take(fact)
        with suppress(Unavailable):
            self._ari.delete_empty_bridges(taken_at)

    def _take(self, fact: Fact) -> None:
        if isinstance(fact, Detect):
            self._detect(fact.leg)
        elif isinstance(fact, BeepOver):
            self._play_after_beep(fact.leg, fact.number)
        else:
            self._facts.put(fact)

    def _detect(self, leg: str) -> None:
        """Send an answered leg into the dialplan, subscribed to: outside the application it would tell us nothing."""
        settings = self.settings
        if not settings.detection_context:
            self._facts.put(Progress(leg, Verdict.UNSURE, "this switch has no detection context"))
            return
        try:
            subscribed = self._ari.request(
                "POST", f"/applications/{part(settings.app)}/subscription", eventSource=f"channel:{leg}"
            )
            answer = self._ari.request(
                "POST",
                f"/channels/{part(leg)}/continue",
                context=settings.detection_context,
                extension="s",
                priority=1,
            )
            # 404 and 422: it hung up meanwhile; 409: it is in detection already.
            for refused in (subscribed, answer):
                if refused.is_error and refused.status_code not in (404, 409, 422):
                    raise unexpected(refused)
        except Unavailable as error:
            logger.warning("Leg %s could not be sent into detection: %s", leg, error)
            self._facts.put(Progress(leg, Verdict.UNSURE, "detection could not start"))

    def _play_after_beep(self, leg: str, number: int) -> None:
        try:
            found = self._ari.read(f"/channels/{part(leg)}/variable?variable={BEEP_MEDIA_VARIABLE}")
            if found is not None:
                start_playback(self._ari, leg, number, json.loads(found["value"]))
        except (Unavailable, Rejected) as error:
            logger.warning("Leg %s could not be played its message: %s", leg, error)
            self._facts.put(SoundsFinished(leg, number, failed=True))
