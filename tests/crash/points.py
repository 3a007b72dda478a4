"""Every moment at which a process can stop so that it makes a difference: each commit and each act on the switch.

`Points` numbers them as they are reached and strikes at one. What a process does between two of them is reading and
thinking, which nobody outlives.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from telephony import models, switches
from telephony.calls import owner_of
from telephony.simulator import engine
from telephony.switch import Sounds, Switch

WRITES = re.compile(r"\s*(INSERT|UPDATE|DELETE|WITH)\b")
TABLE = re.compile(r"(?:INTO|UPDATE|FROM) \"?(\w+)")
VERBS = frozenset(
    {"create_leg", "dial_leg", "delete_leg", "detect", "play", "stop", "join", "hold", "close_bridge"},
)
# The simulator forgives a second dial of a leg. A telephone network does not, so here nothing but the product's own
# guard keeps the phone from ringing again.
FORGIVING = " AND dialled_at IS NULL"
RINGS = "SET dialled_at = statement_timestamp()"

# Told when the point is reached: its name, and whether it lies inside of a transaction.
Strike = Callable[[str, bool], None]


class Telephones:
    """What the people at the phones noticed, counted at the switch."""

    def __init__(self) -> None:
        self.rings: Counter[str] = Counter()
        self.lists: Counter[tuple[str, int]] = Counter()
        self.two_at_once: list[str] = []

    def rang(self, leg: str) -> None:
        self.rings[leg] += 1
        party = leg.rsplit("-", 2)[1]
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM telephony_simulatedleg AS other"
                " WHERE id LIKE %s AND id <> %s AND dialled_at IS NOT NULL AND NOT deleted AND NOT EXISTS ("
                " SELECT FROM telephony_simulatedhappening"
                " WHERE leg = other.id AND kind = 'Ended' AND at <= statement_timestamp())",
                [f"cb-{owner_of(leg)}-{party}-%", leg],
            )
            self.two_at_once += [f"{leg} while {other} was alive" for (other,) in cursor.fetchall()]


class Points:
    """The points of one run. Only what is done inside `counting` counts, until one was struck."""

    stage: Callable[[], str]
    acted: Callable[[], None]

    def __init__(self, at: int, strike: Strike, *, twins: bool) -> None:
        """`twins`: also the moment before an act that follows another one of the same process. To die there is to die
        after that other one; to freeze there is not, for what was read in between is acted upon later."""
        self.at = at
        self.strike = strike
        self.twins = twins
        self.telephones = Telephones()
        self.names: list[str] = []
        self.stages: list[str] = []
        # Those of workers, and of these the ones outside of a transaction, from which a frozen one can come back.
        self.workers: list[int] = []
        self.asleep: list[int] = []
        # Asked at every point; for the first run, which finds out which points belong to which stage.
        self.stage = lambda: ""
        # Told of every act on the switch.
        self.acted = lambda: None
        self.struck = ""
        self._thread: int | None = None
        self._who = ""
        self._effects = 0

    @contextmanager
    def counting(self, who: str) -> Iterator[None]:
        """A process's turn: this thread's points count."""
        self._thread, self._who, self._effects = threading.get_ident(), who, 0
        try:
            yield
        finally:
            self._thread = None

    def before(self, what: str, *, inside: bool = False) -> None:
        if self.twins or not self._effects:
            self._reach(f"before {what}", inside=inside)

    def after(self, what: str) -> None:
        self._reach(f"after {what}", inside=False)
        self._effects += 1

    def _reach(self, name: str, *, inside: bool) -> None:
        if self.struck or self._thread != threading.get_ident():
            return
        self.names.append(name)
        self.stages.append(self.stage())
        if self._who.startswith("worker"):
            self.workers.append(len(self.names))
            if not inside:
                self.asleep.append(len(self.names))
        if len(self.names) == self.at:
            self.struck = name
            self.strike(name, inside)

    @contextmanager
    def watching(self, wrapper: BaseDatabaseWrapper) -> Iterator[None]:
        """Find the points of a thread's database connection: its commits, and statements that commit by themselves."""
        wrote: list[str] = []
        commit = getattr(wrapper, "_commit")  # noqa: B009 (unknown to the stubs)

        def statement(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            if not WRITES.match(sql):
                return execute(sql, params, many, context)
            table = found[1] if (found := TABLE.search(sql)) else "?"
            name = f"{sql.split(maxsplit=1)[0]} {table}"
            alone = not wrapper.in_atomic_block and not _acting.verb
            if alone:
                self.before(name)
            result = execute(sql, params, many, context)
            changed = context["cursor"].rowcount != 0
            if RINGS in sql and changed:
                self.telephones.rang(params["leg"])
            if alone and changed:
                self.after(name)
            elif changed and wrapper.in_atomic_block:
                wrote.append(name)
            return result

        def committing() -> None:
            name = f"commit of {', '.join(dict.fromkeys(wrote))}"
            if wrote:
                self.before(name, inside=True)
            commit()
            if wrote:
                wrote.clear()
                self.after(name)

        with wrapper.execute_wrapper(statement), mock.patch.object(wrapper, "_commit", committing):
            yield

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Find the points of the switch's verbs, in every thread."""
        connect = switches.connect
        assert FORGIVING in engine.DIAL
        assert RINGS in engine.DIAL
        with ExitStack() as patches:
            patches.enter_context(mock.patch.object(engine, "DIAL", engine.DIAL.replace(FORGIVING, "")))
            patches.enter_context(
                mock.patch.object(switches, "connect", lambda row: WatchedSwitch(connect(row), self, row))
            )
            yield


class _Acting(threading.local):
    verb = ""


_acting = _Acting()


class WatchedSwitch:
    """A switch whose every verb is two points: before the act, and after it."""

    def __init__(self, switch: Switch, points: Points, row: models.Switch) -> None:
        self._switch = switch
        self._points = points
        self._row = row

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._switch, name)
        if name not in VERBS:
            return verb

        def act(*args: Any, **kwargs: Any) -> None:
            assert not connection.in_atomic_block, f"{name} inside of a transaction"
            self._points.before(name)
            for sounds in args:
                if isinstance(sounds, Sounds) and not sounds.loop:
                    self._points.telephones.lists[args[0], sounds.number] += 1
            _acting.verb = name
            try:
                verb(*args, **kwargs)
            finally:
                _acting.verb = ""
            self._points.after(name)
            self._points.acted()

        return act
