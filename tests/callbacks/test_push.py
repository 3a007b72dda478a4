"""Push messages from the decision that wants them to the event that says how it went."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any
from unittest import mock

import pytest
from django.db import connections, transaction
from django.db.models import QuerySet
from django.utils import timezone

from callbacks import inbox, tasks
from callbacks.models import Callback, Pending
from callbacks.push import configuration, notices
from callbacks.push.due import kick_late
from callbacks.push.httpcb import HttpCallback
from callbacks.push.models import Notice
from callbacksite.run import commands
from scheduling import kick
from scheduling.totals import REGISTRY
from services.models import Section
from telephony.process import Hands
from tests.callbacks.receiver import Receiver, receiving
from tests.factories import NOON, CallbackFactory
from tests.test_logs import logged

# Workers and kicks see only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

DIALOG = {"_dialog_id": "0", "_action": "ConfirmationDialog", "_text": "You will receive the call shortly"}
SECOND = timedelta(seconds=1)


class Killed(BaseException):
    """What a process that is killed does to the function that it is in."""


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    Section.objects.create(name="push", options={"pushEnabled": "comet,httpcb,customhttp"})
    with receiving() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def kicks() -> Iterator[list[tuple[str, tuple[str, ...]]]]:
    """The broker, as a list."""
    kept: list[tuple[str, tuple[str, ...]]] = []
    with mock.patch.multiple(
        kick, _carry_out=lambda task, args: kept.append((task, args)), broker_is_down=lambda: True
    ):
        yield kept


@pytest.fixture
def callback() -> Callback:
    return CallbackFactory.create()


def put(callback: Callback, device: str, **changed: Any) -> Notice | None:
    arguments: dict[str, Any] = {
        "visit": 3, "device": device, "device_os": "httpcb", "body": DIALOG, "attempts": 3, "now": NOON,
    }  # fmt: skip
    with transaction.atomic():
        notices.put(callback.pk, **(arguments | changed))
    return Notice.objects.first()


def settled(callback: Callback) -> list[dict[str, Any]]:
    return [pending.event for pending in Pending.objects.filter(callback=callback).order_by("pk")]


def event(*, delivered: bool, detail: str) -> dict[str, Any]:
    return {"kind": "PushSettled", "visit": 3, "delivered": delivered, "detail": detail, "gone": False}


def due_in(notice: Notice) -> timedelta:
    notice.refresh_from_db()
    return notice.due_at - NOON


def at(offset: float) -> datetime:
    return NOON + timedelta(seconds=offset)


# From the decision to the device


def test_a_device_is_told_once_the_decision_is_committed(
    callback: Callback, receiver: Receiver, kicks: list[tuple[str, tuple[str, ...]]]
) -> None:
    with transaction.atomic():
        notices.put(callback.pk, visit=3, device=receiver.url, device_os="HttpCb", body=DIALOG, attempts=3, now=NOON)
        assert kicks == []
    notice = Notice.objects.get()
    assert kicks == [("callbacks.tasks.send", (str(notice.pk),))]
    tasks.send.run(str(notice.pk))
    assert receiver.got == [("/push/b1641633", "application/json", DIALOG)]
    assert settled(callback) == [event(delivered=True, detail="attempt 1 of 3")]
    assert not Notice.objects.exists()
    assert kicks[1:] == [("callbacks.tasks.advance", (callback.pk,))]
    # A kick that comes twice, or late, finds nothing.
    tasks.send.run(str(notice.pk))
    assert len(receiver.got) == 1


def test_a_decision_that_is_not_committed_tells_nobody(
    callback: Callback, kicks: list[tuple[str, tuple[str, ...]]]
) -> None:
    with transaction.atomic():
        notices.put(callback.pk, visit=3, device="https://x", device_os="httpcb", body=DIALOG, attempts=3, now=NOON)
        transaction.set_rollback(True)
    assert (Notice.objects.count(), kicks) == (0, [])


def test_a_comet_client_asks_by_itself(callback: Callback) -> None:
    assert put(callback, "", device_os="Comet") is None
    assert settled(callback) == [event(delivered=True, detail="it asks by itself")]


def test_a_gateway_is_told_for_the_device(callback: Callback, receiver: Receiver) -> None:
    options = {"pushEnabled": "customhttp", "customhttp.url": f"http://127.0.0.1:{receiver.port}/gateway"}
    Section.objects.update(options=options)
    notice = put(callback, "b1641633", device_os="customhttp")
    assert notice is not None
    notices.send(notice.pk, now=NOON)
    assert [(path, body["deviceId"]) for path, _, body in receiver.got] == [("/gateway", "b1641633")]
    assert settled(callback) == [event(delivered=True, detail="attempt 1 of 3")]


@pytest.mark.parametrize(
    ("options", "enabled"),
    [
        (None, {"comet"}),
        ({}, {"comet"}),
        ({"pushEnabled": ""}, set()),
        ({"pushEnabled": "gcm, HTTPCB"}, {"fcm", "httpcb"}),
    ],
)
def test_what_is_enabled_is_read_from_the_section(options: dict[str, str] | None, enabled: set[str]) -> None:
    if options is not None:
        Section.objects.create(name="push", options=options)
    assert configuration.enabled() == enabled


def test_what_was_disabled_meanwhile_is_not_sent(callback: Callback, receiver: Receiver) -> None:
    notice = put(callback, receiver.url)
    assert notice is not None
    Section.objects.update(options={})
    notices.send(notice.pk, now=NOON)
    assert receiver.got == []
    detail = "attempt 1 of 3, httpcb is not among pushEnabled in [push]"
    assert settled(callback) == [event(delivered=False, detail=detail)]


# Attempts


def test_what_may_pass_is_tried_again_after_one_two_four_seconds(callback: Callback, receiver: Receiver) -> None:
    receiver.answers = [500, 503, 500, 200]
    notice = put(callback, receiver.url, attempts=4)
    assert notice is not None
    notices.send(notice.pk, now=NOON)
    assert SECOND <= due_in(notice) < 1.5 * SECOND
    # Before that moment nobody sends it, however often they are kicked.
    notices.send(notice.pk, now=NOON)
    assert len(receiver.got) == 1
    notices.send(notice.pk, now=at(10))
    assert 12 * SECOND <= due_in(notice) < 12.5 * SECOND
    notices.send(notice.pk, now=at(20))
    assert 24 * SECOND <= due_in(notice) < 24.5 * SECOND
    assert settled(callback) == []
    notices.send(notice.pk, now=at(30))
    assert len(receiver.got) == 4
    assert settled(callback) == [event(delivered=True, detail="attempt 4 of 4")]


def test_after_the_last_attempt_the_callback_is_told(callback: Callback, receiver: Receiver) -> None:
    receiver.answers = [500, 500]
    notice = put(callback, receiver.url, attempts=2)
    assert notice is not None
    notices.send(notice.pk, now=NOON)
    notices.send(notice.pk, now=at(60))
    assert settled(callback) == [event(delivered=False, detail="attempt 2 of 2, it answered 500")]
    assert not Notice.objects.exists()


def test_what_will_not_change_is_not_repeated(callback: Callback, receiver: Receiver) -> None:
    receiver.answers = [404]
    notice = put(callback, receiver.url)
    assert notice is not None
    notices.send(notice.pk, now=NOON)
    assert settled(callback) == [event(delivered=False, detail="attempt 1 of 3, it answered 404")]
    assert (len(receiver.got), Notice.objects.count()) == (1, 0)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (100, 300)])
def test_pauses_double_up_to_five_minutes(attempt: int, seconds: int) -> None:
    assert notices.pause(attempt) == timedelta(seconds=seconds)


# Processes that die


def killed_after_sending(*args: Any, **kwargs: Any) -> None:
    deliver(*args, **kwargs)
    raise Killed


deliver = HttpCallback.deliver


@pytest.mark.parametrize("dies", ["before it sends", "before it writes down that it sent"])
def test_a_kill_costs_one_repetition_of_the_same_attempt(callback: Callback, receiver: Receiver, dies: str) -> None:
    notice = put(callback, receiver.url)
    assert notice is not None
    fault = mock.Mock(side_effect=Killed) if dies == "before it sends" else killed_after_sending
    with mock.patch.object(HttpCallback, "deliver", fault), pytest.raises(Killed):
        notices.send(notice.pk, now=NOON)
    notice.refresh_from_db()
    # Counted before the call.
    assert (notice.attempt, notice.begun) == (1, 1)
    sent = len(receiver.got)
    # Its claim keeps others away, who cannot know that it died.
    notices.send(notice.pk, now=at(9.9))
    assert len(receiver.got) == sent
    notices.send(notice.pk, now=at(10))
    assert len(receiver.got) == sent + 1
    assert settled(callback) == [event(delivered=True, detail="attempt 1 of 3")]


def test_a_kill_between_the_answer_and_the_event_loses_neither(callback: Callback, receiver: Receiver) -> None:
    notice = put(callback, receiver.url)
    assert notice is not None
    with mock.patch.object(inbox, "put", side_effect=Killed), pytest.raises(Killed):
        notices.send(notice.pk, now=NOON)
    assert (Notice.objects.count(), settled(callback)) == (1, [])
    notices.send(notice.pk, now=at(10))
    assert settled(callback) == [event(delivered=True, detail="attempt 1 of 3")]


def test_a_message_that_kills_every_process_is_given_up(callback: Callback, receiver: Receiver) -> None:
    notice = put(callback, receiver.url, attempts=2)
    assert notice is not None
    tried = 0
    with mock.patch.object(HttpCallback, "deliver", killed_after_sending):
        for turn in range(5):
            try:
                notices.send(notice.pk, now=at(10 * turn))
            except Killed:
                tried += 1
    # Two attempts, each repeated once.
    assert (tried, len(receiver.got)) == (4, 4)
    assert settled(callback) == [event(delivered=False, detail="whether it arrived is unknown")]
    assert not Notice.objects.exists()


def test_whoever_slept_through_the_claim_changes_nothing_more(callback: Callback, receiver: Receiver) -> None:
    notice = put(callback, receiver.url)
    assert notice is not None

    def frozen(*args: Any, **kwargs: Any) -> None:
        with mock.patch.object(HttpCallback, "deliver", deliver):
            notices.send(notice.pk, now=at(20))
        deliver(*args, **kwargs)

    with mock.patch.object(HttpCallback, "deliver", frozen):
        notices.send(notice.pk, now=NOON)
    assert len(receiver.got) == 2
    assert settled(callback) == [event(delivered=True, detail="attempt 1 of 3")]


# Several workers


def eight_workers(notice: Notice) -> None:
    together = threading.Barrier(8)

    def work(_: int) -> None:
        try:
            together.wait(timeout=30)
            notices.send(notice.pk, now=NOON)
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))


def test_of_eight_workers_one_sends(callback: Callback, receiver: Receiver) -> None:
    notice = put(callback, receiver.url)
    assert notice is not None
    eight_workers(notice)
    assert len(receiver.got) == 1
    assert settled(callback) == [event(delivered=True, detail="attempt 1 of 3")]


def test_without_the_guard_of_the_claim_several_would_send(callback: Callback, receiver: Receiver) -> None:
    """The negative control: the same eight, with a claim that takes what is already taken."""
    notice = put(callback, receiver.url)
    assert notice is not None
    real: Callable[..., Any] = QuerySet.filter

    def unguarded(self: Any, *args: Any, **conditions: Any) -> Any:
        if self.model is Notice:
            conditions.pop("due_at__lte", None)
        return real(self, *args, **conditions)

    with mock.patch.object(QuerySet, "filter", unguarded):
        eight_workers(notice)
    assert len(receiver.got) > 1


# What is no longer wanted


def test_a_withdrawn_notice_is_not_sent(callback: Callback, receiver: Receiver) -> None:
    notice, other = put(callback, receiver.url), CallbackFactory.create()
    assert notice is not None
    put(other, receiver.url)
    with transaction.atomic():
        notices.withdraw(callback.pk)
    notices.send(notice.pk, now=NOON)
    assert (receiver.got, settled(callback)) == ([], [])
    assert [left.callback_id for left in Notice.objects.all()] == [other.pk]


def test_a_notice_that_is_withdrawn_while_it_is_sent_is_not_reported(callback: Callback, receiver: Receiver) -> None:
    notice = put(callback, receiver.url)
    assert notice is not None

    def withdrawn(*args: Any, **kwargs: Any) -> None:
        notices.withdraw(callback.pk)
        deliver(*args, **kwargs)

    receiver.answers = [500]
    with mock.patch.object(HttpCallback, "deliver", withdrawn):
        notices.send(notice.pk, now=NOON)
    assert (len(receiver.got), settled(callback), Notice.objects.count()) == (1, [], 0)


def test_what_is_deleted_is_forgotten(callback: Callback, receiver: Receiver) -> None:
    put(callback, receiver.url)
    with transaction.atomic():
        notices.forget([callback.pk])
        callback.delete()
    assert not Notice.objects.exists()


# Kicks


def test_the_tick_kicks_what_nobody_took(callback: Callback, kicks: list[tuple[str, tuple[str, ...]]]) -> None:
    notice = put(callback, "https://example.org/")
    assert notice is not None
    kicks.clear()
    kicked = [offset for offset in range(16) if kick_late(at(offset))]
    # Patience of two seconds, then after 2, 4, 8.
    assert kicked == [2, 4, 8]
    assert kicks == [("callbacks.tasks.send", (str(notice.pk),))] * 3


def test_the_tick_kicks_the_next_attempt_and_what_a_dead_process_left(callback: Callback, receiver: Receiver) -> None:
    receiver.answers = [500]
    notice = put(callback, receiver.url)
    assert notice is not None
    notices.send(notice.pk, now=NOON)
    assert [kick_late(at(0.9)), kick_late(at(1.9))] == [0, 1]
    with mock.patch.object(HttpCallback, "deliver", side_effect=Killed), pytest.raises(Killed):
        notices.send(notice.pk, now=at(2))
    assert [kick_late(at(11.9)), kick_late(at(12))] == [0, 1]


def test_a_push_is_not_carried_out_by_whoever_kicks_it(kicks: list[tuple[str, tuple[str, ...]]]) -> None:
    """A decision must not wait for a device, nor may the process that listens to the switches."""

    @kick.chained
    def decide(callback_id: str) -> None:
        kick.publish(notices.SEND, (callback_id,))

    decide("369-ann")
    assert kicks == [(notices.SEND, ("369-ann",))]
    hands = Hands(1)
    with mock.patch("telephony.process.run_task") as run_task:
        hands.carry_out(notices.SEND, ("17",))
        hands.carry_out(inbox.ADVANCE, ("369-ann",))
        for _ in range(500):
            if run_task.called:
                break
            threading.Event().wait(0.01)
    run_task.assert_called_once_with(inbox.ADVANCE, ("369-ann",))


# What others get to see of it


def test_no_log_line_names_the_device(callback: Callback, receiver: Receiver) -> None:
    receiver.answers = [503, 404]
    url = f"http://127.0.0.1:{receiver.port}/device/Zx81-secret-of-ann"
    notice = put(callback, url)
    assert notice is not None
    with logged() as lines, mock.patch.object(timezone, "now", return_value=NOON):
        # Not even where the libraries tell what they do.
        logging.getLogger().setLevel(logging.DEBUG)
        tasks.send.run(str(notice.pk))
        Notice.objects.update(due_at=NOON)
        tasks.send.run(str(notice.pk))
    assert "secret-of-ann" not in lines.text + str(settled(callback))
    assert "127.0.0.1" not in lines.text
    assert [(line["event"], line["callback"]) for line in lines.of("callbacks.push.notices")] == [
        ("push to a device of kind httpcb failed at attempt 1 of 3: it answered 503", callback.pk),
        ("push to a device of kind httpcb failed at attempt 2 of 3: it answered 404", callback.pk),
    ]


def test_attempts_are_counted_by_their_result(callback: Callback, receiver: Receiver) -> None:
    def counted(provider: str, result: str) -> float:
        return REGISTRY.get_sample_value("callbacksite_pushes_total", {"provider": provider, "result": result}) or 0.0

    every = [("httpcb", result) for result in ("unavailable", "rejected", "delivered")] + [("comet", "delivered")]
    before = [counted(*each) for each in every]
    receiver.answers = [503, 200, 404]
    notice = put(callback, receiver.url)
    assert notice is not None
    notices.send(notice.pk, now=NOON)
    notices.send(notice.pk, now=at(10))
    notice = put(callback, receiver.url)
    assert notice is not None
    notices.send(notice.pk, now=NOON)
    put(callback, "", device_os="comet")
    assert [counted(*each) - earlier for each, earlier in zip(every, before, strict=True)] == [1, 1, 1, 1]


def test_customers_on_the_line_do_not_wait_for_devices() -> None:
    """A worker whose places are all taken by receivers that hang would greet nobody."""
    queues = [
        set(argument.removeprefix("--queues=").split(","))
        for command in commands(8000).values()
        for argument in command
        if argument.startswith("--queues=")
    ]
    assert {"outside"} in queues
    assert all(served.isdisjoint({"outside"}) or served == {"outside"} for served in queues)
