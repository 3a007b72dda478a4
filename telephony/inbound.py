"""Calls that arrive: whose they are, what they hear until that is known, and how they are taken or refused.

A call is matched by the number it called and the caller's own (`telephony.access`), or by a code that the caller types.
Then it is offered to its owner (`CustomerArrived`), who takes it in the transaction of a decision (`take`) or refuses
it. Who belongs to nobody, or comes too late, hears so and is hung up.

Everything is a row (`ArrivedCall`), written by whoever listens to the switch; `attend` does on the switch what the row
says. A row that nobody attended to, or whose deadline has passed, is found by the tick.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Length

from scheduling.kick import kick
from telephony import access, switches, upwards
from telephony.access_models import AccessBooking
from telephony.events import CustomerArrived, LegEnded, Party
from telephony.inbound_models import ArrivedCall
from telephony.models import Leg
from telephony.switch import (
    Arrived,
    Digit,
    EndCause,
    Ended,
    LegEvent,
    LegState,
    Rejected,
    Sounds,
    SoundsFinished,
    Unavailable,
)

logger = logging.getLogger(__name__)

ATTEND = "telephony.tasks.attend"
ENTER_CODE = "SampleTreatments/access_code.wav"
WRONG_CODE = "SampleTreatments/access_code_wrong.wav"
NOT_KNOWN = "SampleTreatments/call_not_known.wav"
TOO_LATE = "SampleTreatments/call_too_late.wav"

MOST_WRONG = 3
# From the beginning of the question to the first digit, and from one digit to the next.
FIRST_DIGIT = timedelta(seconds=15)
NEXT_DIGIT = timedelta(seconds=4)
# An owner decides in a moment; one that does not is gone.
DECISION = timedelta(seconds=5)
# The longest that a message may take: a lost end of it must not keep the caller on the line.
LONGEST_MESSAGE = timedelta(seconds=30)
# How long a kick is trusted before the tick kicks again.
PATIENCE = timedelta(seconds=2)
END_OF_CODE, BEGIN_AGAIN = "#", "*"

Step = ArrivedCall.Step


def record(*, switch: int, events: Sequence[LegEvent], now: datetime) -> list[LegEvent]:
    """Write down, in the caller's transaction, what a switch said of calls that are nobody's yet. Safe to repeat.

    Returns the events of legs that are not among them: somebody's by now, or not there any more.
    """
    with transaction.atomic(savepoint=False):
        return [event for event in events if not _is_of_arrived(switch, event, now)]


def take(leg: str, *, owner: str, attempt: int, now: datetime) -> None:
    """Make an arrived call the customer's leg of an attempt, in the transaction in which its owner wants it.

    Where the caller has hung up meanwhile, the owner is told so as of any leg.
    """
    row = ArrivedCall.objects.select_for_update().filter(pk=leg).first()
    if row is None:
        gone = LegEnded(Party.CUSTOMER, attempt, EndCause.HANGUP, "gone when it was taken", rang=True)
        upwards.owner().report([(owner, gone)], now)
        return
    # What may still be heard is stopped before anything else is played: the last list, or the one before it where
    # nobody has come to stop that one yet.
    unstopped = not row.says and row.said < row.number
    Leg.objects.create(
        id=leg,
        call_id=owner,
        party=Party.CUSTOMER,
        attempt=attempt,
        switch_id=row.switch_id,
        state=LegState.UP,
        created_at=row.arrived_at,
        answered_at=row.arrived_at,
        dialling_seen=True,
        rang=True,
        sounds=row.said if unstopped else row.number,
        sounds_taken=True,
        sounds_over=not row.says and not (unstopped and row.said),
    )
    row.delete()


def refuse(leg: str, *, now: datetime) -> None:
    """Tell an arrived call that it comes too late and hang it up, after the caller's transaction."""
    row = ArrivedCall.objects.select_for_update().filter(pk=leg).first()
    if row is not None:
        _turn_away(row, TOO_LATE, now)


def attend(leg: str, *, now: datetime) -> None:
    """Do on the switch what the row says: play, stop, hang up. Outside of any transaction; may be repeated.

    A message is marked as said after it was: one that dies in between lets the tick say it again.
    """
    row = ArrivedCall.objects.select_related("switch").filter(pk=leg).first()
    if row is None:
        return
    switch = switches.connect(row.switch)
    try:
        if row.step == Step.REFUSED and row.deadline <= now:
            switch.delete_leg(leg)
            # Its end is reported by the switch, else found by its next list.
            ArrivedCall.objects.filter(pk=leg).update(deadline=now + LONGEST_MESSAGE)
            return
        if row.said >= row.number:
            return
        if row.said:
            switch.stop(leg, row.said)
        if row.says:
            switch.play(leg, Sounds(row.number, (row.says,)))
    except Unavailable as error:
        logger.warning("call %s that arrived: the switch cannot now, left to the tick: %s", leg, error)
        return
    except Rejected as error:
        # It hung up, or the message cannot be played, which is no reason to keep the caller.
        logger.warning("call %s that arrived: %s", leg, error)
        ArrivedCall.objects.filter(pk=leg, number=row.number, step=Step.REFUSED).update(deadline=now)
    ArrivedCall.objects.filter(pk=leg, said__lt=row.number).update(said=row.number)


def look_after(now: datetime) -> int:
    """The tick: calls whose deadline has passed go on by themselves; what was not said in time is kicked again."""
    with transaction.atomic():
        late = ArrivedCall.objects.select_for_update(skip_locked=True).filter(deadline__lte=now)
        found = list(late.order_by("deadline")[:100])
        for row in found:
            if row.step == Step.ASKED:
                _judge(row, now)
            elif row.step == Step.OFFERED:
                logger.warning("call %s that arrived: its owner did not decide", row.pk)
                _turn_away(row, TOO_LATE, now)
            else:
                kick(ATTEND, row.pk)
    unsaid = ArrivedCall.objects.filter(said__lt=F("number"), changed_at__lte=now - PATIENCE, deadline__gt=now)
    for leg in list(unsaid.values_list("pk", flat=True)[:100]):
        kick(ATTEND, leg)
    return len(found)


def _is_of_arrived(switch: int, event: LegEvent, now: datetime) -> bool:
    """True, and written down, where the leg is nobody's yet."""
    if isinstance(event, Arrived):
        _arrived(switch, event, now)
        return True
    row = ArrivedCall.objects.select_for_update().filter(pk=event.leg).first()
    if row is None:
        return False
    if isinstance(event, Ended):
        row.delete()
    elif isinstance(event, Digit):
        _digit(row, event.digit, now)
    elif isinstance(event, SoundsFinished) and row.step == Step.REFUSED and event.number == row.number:
        row.deadline = now
        row.save(update_fields=["deadline"])
        kick(ATTEND, row.pk)
    return True


def _arrived(switch: int, event: Arrived, now: datetime) -> None:
    if Leg.objects.filter(pk=event.leg).exists() or ArrivedCall.objects.filter(pk=event.leg).exists():
        return
    row = ArrivedCall(
        leg=event.leg,
        switch_id=switch,
        called=event.called[:64],
        caller=event.caller[:64],
        arrived_at=now,
        step=Step.ASKED,
        changed_at=now,
        deadline=now + FIRST_DIGIT,
    )
    match = access.match(access_number=row.called, phone_number=row.caller, now=now)
    if match.owner:
        _offer(row, match.owner, now)
    elif match.needs_code:
        _say(row, ENTER_CODE, now)
    else:
        _turn_away(row, NOT_KNOWN, now)


def _digit(row: ArrivedCall, digit: str, now: datetime) -> None:
    if row.step != Step.ASKED:
        return
    if row.says:
        # Who types has heard enough.
        _say(row, "", now)
    if digit == END_OF_CODE:
        _judge(row, now)
        return
    row.digits = "" if digit == BEGIN_AGAIN else row.digits + digit
    row.deadline = now + NEXT_DIGIT
    row.save(update_fields=["digits", "deadline"])
    if row.digits and len(row.digits) >= _longest_code(now):
        _judge(row, now)


def _longest_code(now: datetime) -> int:
    """After how many digits nothing more is to be waited for. Shorter codes end with # or a pause."""
    longest = AccessBooking.objects.filter(expires_at__gt=now).aggregate(digits=Max(Length("code")))["digits"]
    return min(longest or 0, 32)


def _judge(row: ArrivedCall, now: datetime) -> None:
    """The code has been typed, or nothing was for too long."""
    owner = access.match_code(access_number=row.called, code=row.digits, now=now)
    if owner:
        _offer(row, owner, now)
        return
    row.wrong += 1
    if row.wrong >= MOST_WRONG:
        _turn_away(row, NOT_KNOWN, now)
        return
    row.deadline = now + FIRST_DIGIT
    _say(row, WRONG_CODE if row.digits else ENTER_CODE, now, digits="")


def _offer(row: ArrivedCall, owner: str, now: datetime) -> None:
    row.step, row.deadline, row.digits = Step.OFFERED, now + DECISION, ""
    row.save()
    upwards.owner().report([(owner, CustomerArrived(row.pk, row.number))], now)


def _turn_away(row: ArrivedCall, message: str, now: datetime) -> None:
    row.step, row.deadline = Step.REFUSED, now + LONGEST_MESSAGE
    _say(row, message, now, digits="")


def _say(row: ArrivedCall, file: str, now: datetime, *, digits: str | None = None) -> None:
    """Have the caller hear a list of its own, or with an empty `file` nothing; what is heard now is stopped."""
    row.says, row.number, row.changed_at = file, row.number + 1, now
    row.digits = row.digits if digits is None else digits
    row.save()
    kick(ATTEND, row.pk)
