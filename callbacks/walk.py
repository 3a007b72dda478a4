"""The way of a callback through its scenario as it would be, by the machine that really decides.

Nothing is read or stored: what the switch, the queue and the customer would do is assumed, all else is decided by
`callbacks.flow.machine` as for a callback that is stored. Whether a phone may ring is asked of whoever calls this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from callbacks import permit
from callbacks.due import EARLY_LOOK, PAUSABLE
from callbacks.flow import machine, projections
from callbacks.flow.decision import AttemptChange, Note
from callbacks.flow.events import (
    Connected,
    Disposed,
    Event,
    Expired,
    Paused,
    PreviewAccepted,
    StartDue,
    TimerFired,
)
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from callbacks.models import Attempt, Callback, JournalEntry
from callbacks.records import Turns
from telephony.events import (
    AgentReserved,
    CustomerArrived,
    DialGranted,
    DialRefused,
    LegAnswered,
    LegDialling,
    LegEnded,
    LegProgress,
    LegsJoined,
    LegSoundsFinished,
    Party,
)
from telephony.switch import EndCause, Verdict
from telephony.upwards import Choice, Refusal

# A way that is longer than that goes round in circles, or over weeks of nights.
MOST_STEPS = 400
# How long things take that nobody measures, in seconds: a line that is busy, the detection, a sound, an answer.
BUSY_AFTER, DETECTION, SOUND, AGENT_ANSWERS, CUSTOMER_SAYS, JOINED_AFTER = 2.0, 2.0, 8.0, 5.0, 10.0, 1.0
SHORTEST_TALK = 10.0
# Who is reserved: nobody knows yet.
ANYBODY = "(any)"
TOO_LATE = Refusal("it is too late (_ttl)")


class Outcome(StrEnum):
    """What becomes of an attempt to reach the customer."""

    HUMAN = "human"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    MACHINE = "machine"


@dataclass(frozen=True)
class Assumed:
    """What nobody can know. Seconds.

    `outcomes` are those of the attempts, the last one that of all further ones. `wait` is how long after it took its
    place an agent is free for it, None: never. `early` is by how much its execution starts before its own time.
    `reach` is how long from a dial until a human is on the line, `handling` how long a call takes an agent.
    """

    outcomes: tuple[Outcome, ...]
    wait: float | None
    early: timedelta
    reach: float
    handling: float
    paused: bool = False


@dataclass
class Path:
    """What would stand in the journal, and the attempts. `open`: it does not end by itself."""

    session: Session
    entries: list[JournalEntry] = field(default_factory=list)
    attempts: dict[tuple[Party, int], Attempt] = field(default_factory=dict)
    open: bool = False
    started_at: datetime | None = None
    dialled_at: datetime | None = None


Step = list[tuple[datetime, Event]]


class Walker:
    """Walks one callback, which is not stored, from its first decision to its end."""

    def __init__(
        self,
        callback: Callback,
        options: FlowOptions,
        assumed: Assumed,
        refusal: Callable[[datetime], Refusal | None],
    ) -> None:
        self._callback, self._options, self._assumed, self._refusal = callback, options, assumed, refusal
        self._dials = 0
        self._natural: dict[Stage, Callable[[Session, datetime], Step]] = {
            Stage.SCHEDULED: self._start,
            Stage.HELD: self._nothing,
            Stage.RETRYING: self._nothing,
            Stage.AWAITING: self._grant,
            Stage.RESERVING: self._reserve,
            Stage.PREVIEWING: self._accept,
            Stage.CALLING_AGENT: self._agent_answers,
            Stage.CONFIRMING: self._confirm,
            Stage.EXPECTING: self._arrive,
            Stage.DIALLING: self._dial,
            Stage.RINGING: self._ring,
            Stage.DETECTING: self._detect,
            Stage.MESSAGE: self._sound_ends,
            Stage.GREETING: self._sound_ends,
            Stage.WAITING: self._reserve,
            Stage.CONNECTING: self._agent_answers,
            Stage.JOINING: self._join,
            Stage.TALKING: self._hang_up,
            Stage.DISPOSITION: self._dispose,
            Stage.APOLOGY: self._sound_ends,
            Stage.NEW: self._nothing,
            Stage.PAUSED: self._nothing,
        }

    def walk(self, turns: Turns, now: datetime) -> Path:
        path = written(self._callback, turns, now)
        self._look(path, now)
        for _ in range(MOST_STEPS):
            if path.session.stage is Stage.ENDED:
                return path
            if self._assumed.paused and path.session.stage is Stage.PAUSED:
                break
            step = self._next(path.session, now)
            if not step:
                break
            for at, event in step:
                now = at
                self._decide(path, event, now)
        path.open = True
        return path

    def _decide(self, path: Path, event: Event, now: datetime) -> None:
        judged: list[Event] = [event]
        if permit.is_asked_before(path.session, self._options, event):
            judged = permit.judged(path.session, event, self._refusal(now))
        for each in judged:
            decision = machine.decide(path.session, self._options, each, now)
            for note in decision.notes:
                path.entries.append(_entry(self._callback, each, note, now))
            _write_attempts(path, self._callback, decision.attempts, now)
            path.session = decision.session
        self._look(path, now)

    def _look(self, path: Path, now: datetime) -> None:
        """Keep the moments that people ask for."""
        stage = path.session.stage
        if path.started_at is None and path.session.started_at is not None:
            path.started_at = path.session.started_at
        if path.dialled_at is None and stage in {Stage.RINGING, Stage.EXPECTING}:
            path.dialled_at = now

    def _next(self, session: Session, now: datetime) -> Step:
        """What happens next: what is assumed, or a timer, or the end of its time to live; what comes first."""
        if self._assumed.paused and session.stage in PAUSABLE:
            return [(now, Paused())]
        natural = self._natural[session.stage](session, now)
        due: list[tuple[datetime, Event]] = [
            (max(at, now), TimerFired(name, session.visit if name == "stage" else 0))
            for name, at in projections.timers(session, self._options).items()
        ]
        if projections.wanted_call(session, self._options).empty:
            due.append((projections.expires_at(session, self._options), Expired()))
        first = min(due, key=lambda each: each[0], default=None)
        if first is not None and (not natural or first[0] < natural[-1][0]):
            return [first]
        return natural

    # ---- what is assumed of the world, stage by stage

    def _nothing(self, session: Session, now: datetime) -> Step:
        return []

    def _start(self, session: Session, now: datetime) -> Step:
        base = projections.start_base(session, self._options)
        if base is None:
            return []
        at = base - self._assumed.early
        if self._assumed.early:
            # Before their own time callbacks are looked for every few seconds only.
            at = min(base, at + timedelta(seconds=-at.timestamp() % EARLY_LOOK))
        at = max(at, now)
        return [(at, StartDue(session.desired_at, self._assumed.early.total_seconds(), at))]

    def _free_at(self, session: Session, now: datetime) -> datetime | None:
        if self._assumed.wait is None or session.queued_at is None:
            return None
        return max(session.queued_at + timedelta(seconds=self._assumed.wait), now)

    def _grant(self, session: Session, now: datetime) -> Step:
        free_at = self._free_at(session, now)
        if free_at is None:
            return []
        # Whoever is dialled then is reached by the time at which the agent is free.
        return [(max(free_at - timedelta(seconds=self._assumed.reach), now), DialGranted(session.visit))]

    def _reserve(self, session: Session, now: datetime) -> Step:
        free_at = self._free_at(session, now)
        if free_at is None:
            return []
        return [(free_at, AgentReserved(ANYBODY, f"what-if-{session.visit}", session.visit))]

    def _accept(self, session: Session, now: datetime) -> Step:
        return [(_in(now, AGENT_ANSWERS), PreviewAccepted(ANYBODY, session.reservation))]

    def _agent_answers(self, session: Session, now: datetime) -> Step:
        attempt = session.agent_attempt
        answers = LegAnswered(Party.AGENT, attempt)
        return [(now, LegDialling(Party.AGENT, attempt)), (_in(now, AGENT_ANSWERS), answers)]

    def _confirm(self, session: Session, now: datetime) -> Step:
        return [(_in(now, CUSTOMER_SAYS), Connected("customer"))]

    def _arrive(self, session: Session, now: datetime) -> Step:
        self._dials += 1
        if self._outcome() is not Outcome.HUMAN:
            return []
        return [(_in(now, CUSTOMER_SAYS), CustomerArrived("what-if"))]

    def _dial(self, session: Session, now: datetime) -> Step:
        expires_at = projections.expires_at(session, self._options)
        refused = TOO_LATE if expires_at <= now else self._refusal(now)
        if refused is not None:
            no = DialRefused(Party.CUSTOMER, session.attempt, refused.reason, refused.retry_at, refused.final)
            return [(now, no)]
        self._dials += 1
        return [(now, LegDialling(Party.CUSTOMER, session.attempt))]

    def _ring(self, session: Session, now: datetime) -> Step:
        outcome, attempt = self._outcome(), session.attempt
        if outcome is Outcome.BUSY:
            return [(_in(now, BUSY_AFTER), LegEnded(Party.CUSTOMER, attempt, EndCause.BUSY))]
        if outcome is Outcome.NO_ANSWER:
            rung: float = self._options.ixn_createcall_timeout
            return [(_in(now, rung), LegEnded(Party.CUSTOMER, attempt, EndCause.NO_ANSWER, rang=True))]
        rings = max(self._assumed.reach - DETECTION, 1.0)
        return [(_in(now, rings), LegAnswered(Party.CUSTOMER, attempt))]

    def _detect(self, session: Session, now: datetime) -> Step:
        verdict = Verdict.MACHINE if self._outcome() is Outcome.MACHINE else Verdict.HUMAN
        return [(_in(now, DETECTION), LegProgress(Party.CUSTOMER, session.attempt, verdict))]

    def _sound_ends(self, session: Session, now: datetime) -> Step:
        return [(_in(now, SOUND), LegSoundsFinished(Party.CUSTOMER, session.attempt, session.sounds))]

    def _join(self, session: Session, now: datetime) -> Step:
        return [(_in(now, JOINED_AFTER), LegsJoined(session.agent_attempt))]

    def _hang_up(self, session: Session, now: datetime) -> Step:
        talk = max(self._assumed.handling - self._options.wrap_up_time, SHORTEST_TALK)
        return [(_in(now, talk), LegEnded(Party.CUSTOMER, session.attempt, EndCause.HANGUP))]

    def _dispose(self, session: Session, now: datetime) -> Step:
        return [(_in(now, AGENT_ANSWERS), Disposed(session.agent, Choice.DONE))]

    def _outcome(self) -> Outcome:
        return self._assumed.outcomes[min(max(self._dials, 1), len(self._assumed.outcomes)) - 1]


def written(callback: Callback, turns: Turns, now: datetime) -> Path:
    """What `callbacks.records` would write of these decisions."""
    path = Path(turns.session, [_entry(callback, event, note, now) for event, note in turns.notes])
    _write_attempts(path, callback, turns.attempts, now)
    return path


def _entry(callback: Callback, event: Event, note: Note, now: datetime) -> JournalEntry:
    return JournalEntry(
        callback=callback,
        at=now,
        kind=note.kind,
        text=note.text,
        cause=type(event).__name__,
        actor=getattr(event, "actor", "system"),
        state=projections.public_state(note.session),
        stage=note.session.stage,
        data=note.data,
    )


def _write_attempts(path: Path, callback: Callback, changes: Iterable[AttemptChange], now: datetime) -> None:
    for change in changes:
        new = Attempt(callback=callback, party=change.party, number=change.number, began_at=now)
        attempt = path.attempts.setdefault((change.party, change.number), new)
        for name, value in asdict(change).items():
            if name not in {"party", "number"} and value not in (None, ""):
                setattr(attempt, name, value)


def _in(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)
