"""Access numbers of callbacks whose customer calls us: booked and given back with the stage that expects the call."""

from __future__ import annotations

from datetime import datetime

from callbacks import dialogs
from callbacks.flow import projections
from callbacks.flow.decision import ArrivalMove, TakeArrived
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from callbacks.models import Callback
from services.models import ConfiguredService
from telephony import access, inbound
from telephony.access import Booking, UnknownGroup


def seconds(service: ConfiguredService, group: str) -> int:
    """How long an access number is held for a customer of the service: its own word, else the pool's."""
    try:
        return access.seconds_of(service) or access.pool(group).seconds or access.SECONDS
    except UnknownGroup:
        # Whoever books says so.
        return access.SECONDS


def write(
    owner: str, before: Session | None, after: Session, options: FlowOptions, moves: list[ArrivalMove], now: datetime
) -> None:
    """Book or give back the access number that the session needs, and take or refuse calls that arrived.

    In the transaction of the decision, behind what it wants of the switch. Raises telephony.access.Exhausted,
    UnknownGroup and BadPrefix, which only verbs that answer a customer can meet.
    """
    held, needed = projections.access_for(before) if before else None, projections.access_for(after)
    if needed is not None and needed != held:
        access.book(
            group=options.resource_group,
            owner=owner,
            phone_number=after.number,
            code_length=(options.access_code_length or access.CODE_LENGTH) if options.provide_code else 0,
            seconds=options.booking_seconds,
            now=now,
        )
    elif needed is None and held is not None:
        access.release(owner)
    wanted = projections.wanted_call(after, options).customer
    for move in moves:
        # What ended by the same decision takes nobody any more.
        if isinstance(move, TakeArrived) and wanted is not None and wanted.attempt == move.attempt:
            inbound.take(move.leg, owner=owner, attempt=move.attempt, now=now)
        else:
            inbound.refuse(move.leg, now=now)


def booking_of(callback: Callback) -> Booking | None:
    """The access number that the customer should call now; None where no call of theirs is expected."""
    return access.booking_of(callback.pk) if callback.stage == Stage.EXPECTING else None


def question(callback: Callback) -> dict[str, str]:
    """What the device of a customer who is being asked is told: to expect our call, or how to get a number to call."""
    calls_us = callback.options.get("call_direction") == "USERORIGINATED"
    return (dialogs.invitation if calls_us else dialogs.coming)(callback.pk)
