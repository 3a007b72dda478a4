"""What the customer heard, and for how long: journal entries say what was to be played from them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from callbacks.flow.session import Stage
from callbacks.models import JournalEntry

# What the samples say, as `telephony/sounds/make` speaks them.
TEXTS: dict[str, str] = {
    "SampleTreatments/customer_announcement.wav": (
        "Hello. This is the call back that you asked for. Please stay on the line while we connect you."
    ),
    "SampleTreatments/all_agents_busy.wav": (
        "We are sorry. All of our agents are still busy. We will call you again. Goodbye."
    ),
    "SampleTreatments/call_fail_ans_machine.wav": (
        "Hello. We tried to reach you for the call back that you asked for. We will try again later. Goodbye."
    ),
    "SampleTreatments/next_customer_rep.wav": (
        "Thank you for waiting. You will be connected to the next customer representative."
    ),
}
# Between two agents the waiting treatment plays on.
_PLAYS_ON = frozenset({Stage.WAITING, Stage.CONNECTING})


@dataclass(frozen=True)
class Heard:
    """One sound, or the agent: `file` is empty for a talk. Until `end`; None: still.

    `by_itself`: it was played to its end. `by_machine`: nobody but a machine was there to hear it. `failed`: it could
    not be played.
    """

    file: str
    start: datetime
    end: datetime | None = None
    agent: str = ""
    by_itself: bool = False
    by_machine: bool = False
    failed: bool = False

    @property
    def text(self) -> str:
        return TEXTS.get(self.file, "")

    @property
    def seconds(self) -> float | None:
        return None if self.end is None else (self.end - self.start).total_seconds()


def heard(entries: Sequence[JournalEntry]) -> list[Heard]:
    """From the journal, oldest first."""
    found: list[Heard] = []
    now: Heard | None = None
    for entry in entries:
        begins = _begins(entry)
        if now is not None and (begins is not None or not _goes_on(now, entry)):
            if begins is not None and begins.file and begins.file == now.file and entry.stage in _PLAYS_ON:
                continue
            found.append(_ended(now, entry))
            now = None
        if begins is not None:
            now = begins
    return [*found, now] if now is not None else found


def _begins(entry: JournalEntry) -> Heard | None:
    """What is to be heard from this entry on; None where it says nothing of that."""
    file = entry.data.get("hears")
    if isinstance(file, str) and file:
        return Heard(file, entry.at, by_machine=entry.stage == Stage.MESSAGE)
    # "hold" without a sound: the agent is there again.
    if entry.kind == "connected" or (entry.kind == "hold" and file == ""):
        return Heard("", entry.at, agent=str(entry.data.get("agent", "")))
    return None


def _goes_on(now: Heard, entry: JournalEntry) -> bool:
    """Whether an entry leaves what is heard as it is."""
    if entry.kind in {"not-heard", "treatment-failed"} or entry.data.get("hears") == "":
        return False
    if not now.file:
        return entry.stage == Stage.TALKING
    playing = {Stage.MESSAGE, Stage.GREETING, Stage.WAITING, Stage.CONNECTING, Stage.APOLOGY, Stage.TALKING}
    return entry.stage in playing and (entry.stage in _PLAYS_ON or entry.at == now.start or entry.kind in _BESIDE)


# Entries that may come while something is played, and change nothing of it.
_BESIDE = frozenset(
    {
        *("dropped", "refused", "changed", "given-back", "target", "turned-away", "retained", "error"),
        *("note", "prioritised", "assigned", "recreated"),
    }
)


def _ended(now: Heard, entry: JournalEntry) -> Heard:
    failed = entry.kind in {"not-heard", "treatment-failed"} or "could not be played" in entry.text
    by_itself = entry.cause == "LegSoundsFinished" and not failed
    return Heard(now.file, now.start, entry.at, now.agent, by_itself, now.by_machine, failed)
