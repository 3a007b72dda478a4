"""One turn of the machine: the draft of a decision that the stages write into."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from callbacks.flow import projections
from callbacks.flow.decision import AgentMove, ArrivalMove, AttemptChange, Decision, DialResult, Measured, Note
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from telephony.events import Party


class Turn:
    """Collects what an event leads to. Lives only inside `machine.decide`."""

    def __init__(self, session: Session, options: FlowOptions, now: datetime) -> None:
        self.session = session
        self.options = options
        self.now = now
        self.refused = ""
        self._notes: list[Note] = []
        self._attempts: list[AttemptChange] = []
        self._agents: list[AgentMove] = []
        self._measured: list[Measured] = []
        self._arrivals: list[ArrivalMove] = []

    def go(self, stage: Stage, *, deadline: datetime | None = None, **changes: Any) -> None:
        """Enter a stage: a new visit, with the moment at which the stage gives up waiting."""
        visit = self.session.visit + 1
        self.session = replace(self.session, stage=stage, visit=visit, deadline=deadline, refusal="", **changes)

    def note(self, kind: str, text: str, **data: Any) -> None:
        self._notes.append(Note(kind, text, self.session, data))

    def refuse(self, what: str, why: str) -> None:
        """Refuse what was asked for. A client that asks again and again is told each time, and written down once."""
        self.refused = f"Callback is {projections.public_state(self.session)} and {why}"
        text = f"{what} was refused: {self.refused}."
        if text != self.session.refusal:
            self.session = replace(self.session, refusal=text)
            self.note("refused", text)

    def attempt(self, party: Party, *, number: int | None = None, **changes: Any) -> None:
        """Record something of the current attempt (or of attempt `number`) of a party."""
        current = self.session.attempt if party is Party.CUSTOMER else self.session.agent_attempt
        self._attempts.append(AttemptChange(party, current if number is None else number, **changes))

    def end_attempt(self, party: Party, result: DialResult | None, detail: str = "") -> None:
        self.attempt(party, ended_at=self.now, result=result, detail=detail)

    def agent(self, move: AgentMove) -> None:
        self._agents.append(move)

    def arrival(self, move: ArrivalMove) -> None:
        self._arrivals.append(move)

    def measure(self, what: Literal["handling", "reach"], since: datetime, *, more: float = 0.0) -> None:
        """Something ended now that began at `since` and takes `more` seconds beyond."""
        self._measured.append(Measured(what, (self.now - since).total_seconds() + more))

    def decision(self) -> Decision:
        facts = (tuple(self._notes), tuple(self._attempts), tuple(self._agents), tuple(self._measured))
        return Decision(self.session, *facts, arrivals=tuple(self._arrivals), refused=self.refused)
