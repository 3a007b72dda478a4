"""How the invented people behave: pure, and the same for the same leg id, so that a run can be repeated.

All times are seconds at speed 1. docs/simulator.md has the same rules as a table for users.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from random import Random
from urllib.parse import parse_qsl

from telephony.switch import Answered, Dialling, EndCause, Ended, Progress, Rejected, Ringing, SwitchEvent, Verdict

PHONE_SCHEME = "sim:"
SECONDS = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Person:
    """`refuses` ends the call before anybody answers; None answers, after `answers_after` seconds of ringing.

    `hangs_up_after` counts from the answer and is forgotten when the person is joined to somebody; from then on
    `talk_seconds` counts (None: never hangs up first).
    """

    refuses: EndCause | None = None
    answers_after: float | None = None
    verdict: Verdict = Verdict.HUMAN
    hangs_up_after: float | None = None
    greeting_seconds: float | None = None
    talk_seconds: float | None = 8.0


CUSTOMER = Person()
BUSY = Person(refuses=EndCause.BUSY)
PEOPLE = {
    "80": BUSY,
    "81": Person(refuses=EndCause.NO_ANSWER),
    "82": Person(refuses=EndCause.REFUSED),
    "83": Person(verdict=Verdict.MACHINE, greeting_seconds=4.0, hangs_up_after=40.0),
    "84": Person(verdict=Verdict.FAX, hangs_up_after=20.0),
    "85": Person(verdict=Verdict.UNSURE),
    "86": Person(hangs_up_after=0.2),
    "87": Person(hangs_up_after=5.0),
    "88": Person(talk_seconds=2.0),
    "89": Person(talk_seconds=60.0),
    "90": Person(refuses=EndCause.UNREACHABLE),
    "91": Person(answers_after=12.0),
    "92": CUSTOMER,
    "93": Person(verdict=Verdict.TONE, hangs_up_after=10.0),
}
BUSY_AT_FIRST = "92"

# The words that the timeline shows beside the cause, as a telephone network would say them.
DETAILS = {
    EndCause.BUSY: "486 Busy Here",
    EndCause.NO_ANSWER: "no answer",
    EndCause.REFUSED: "603 Decline",
    EndCause.UNREACHABLE: "no route to the number",
}


@dataclass(frozen=True)
class Plan:
    """What follows a dial: events with their seconds from now, and when the leg rings, is up and has had its beep."""

    happenings: tuple[tuple[float, SwitchEvent], ...]
    rings: float | None = None
    answers: float | None = None
    beep: float | None = None
    talk_seconds: float | None = None


def who(endpoint: str, leg: str) -> Person:
    """Who is behind an endpoint: an agent's phone (`sim:kate?hangup=5`) or a customer's number. Raises `Rejected`."""
    if endpoint.startswith(PHONE_SCHEME):
        return agent(endpoint)
    digits = re.sub(r"\D", "", endpoint)
    if not digits:
        raise Rejected("the simulator knows telephone numbers and sim: addresses only")
    attempt = re.search(r"(\d+)$", leg)
    if digits.endswith(BUSY_AT_FIRST) and attempt is not None and int(attempt[1]) == 1:
        return BUSY
    return PEOPLE.get(digits[-2:], CUSTOMER)


def agent(address: str) -> Person:
    """An agent's phone: answers after a second and lets the customer hang up first, unless its parameters say else."""
    name, _, query = address.removeprefix(PHONE_SCHEME).partition("?")
    person = Person(answers_after=1.0, talk_seconds=None)
    for key, value in parse_qsl(query, keep_blank_values=True):
        match key:
            case "busy" | "refused" | "unreachable":
                person = replace(person, refuses=EndCause(key))
            case "noanswer":
                person = replace(person, refuses=EndCause.NO_ANSWER)
            case "hangup" if SECONDS.fullmatch(value):
                person = replace(person, talk_seconds=float(value))
            case "answer" if SECONDS.fullmatch(value):
                person = replace(person, answers_after=float(value))
            case _:
                raise Rejected(f"unknown parameter {key!r} of a simulated phone")
    if not name:
        raise Rejected("a simulated phone has a name: sim:kate")
    return person


def plan(person: Person, *, leg: str, detect: bool, timeout: int) -> Plan:
    """What this person does when the leg is dialled and rung for at most `timeout` seconds."""
    chance = Random(leg)  # noqa: S311 (people, not secrets) # nosec B311
    rings = chance.uniform(0.2, 0.4)
    answers = rings + (chance.uniform(1.0, 2.0) if person.answers_after is None else person.answers_after)
    dialling = (0.0, Dialling(leg))
    if person.refuses is EndCause.UNREACHABLE:
        # A dead trunk says nothing at all until the time is over.
        return Plan((dialling, (float(timeout), ended(leg, person.refuses))))
    if person.refuses in (EndCause.BUSY, EndCause.REFUSED):
        return Plan((dialling, (rings, ended(leg, person.refuses))))
    ringing = (rings, Ringing(leg))
    if person.refuses is EndCause.NO_ANSWER or answers > timeout:
        return Plan((dialling, ringing, (float(timeout), ended(leg, EndCause.NO_ANSWER))), rings=rings)

    happenings: list[tuple[float, SwitchEvent]] = [dialling, ringing, (answers, Answered(leg))]
    verdict_after = chance.uniform(0.3, 0.5)
    if detect and (person.hangs_up_after is None or verdict_after < person.hangs_up_after):
        happenings.append((answers + verdict_after, Progress(leg, person.verdict)))
    if person.hangs_up_after is not None:
        happenings.append((answers + person.hangs_up_after, ended(leg, EndCause.HANGUP)))
    return Plan(
        tuple(happenings),
        rings=rings,
        answers=answers,
        beep=None if person.greeting_seconds is None else answers + person.greeting_seconds,
        talk_seconds=person.talk_seconds,
    )


def ended(leg: str, cause: EndCause) -> Ended:
    return Ended(leg, cause, DETAILS.get(cause, ""))
