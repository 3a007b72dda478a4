"""Counting start requests: whole seconds, days, what counts as queued; and never one too many, however many at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from callbacks import actions, sweeps
from callbacks.flow.states import State
from callbacks.limits import LimitReached, counts
from callbacks.limits.counts import Asked, Reading
from callbacks.limits.models import StartSecond, StartTotal, ValueCount
from callbacks.limits.rules import Counts, Limits
from callbacks.models import Callback
from services.models import ConfiguredService
from tests.factories import CallbackFactory
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

# A Monday, and half a second past a whole one.
NOON = datetime(2026, 3, 2, 12, 0, 0, 500_000, tzinfo=UTC)
ADA, BOB = "6504661232", "6504661233"
TOO_MANY_IN = "Limit of queued callbacks for voice-userterm-immediate is reached for interval {}s."
QUEUE_FULL = "Limit of queued callbacks for voice-userterm-immediate is reached."


def centre(**options: str) -> World:
    """A contact centre whose clock stands at noon."""
    world = World(agents=(), **options)
    world.now = lambda: world.at  # type: ignore[method-assign,attr-defined]
    world.at = NOON  # type: ignore[attr-defined]
    return world


def start(world: World, number: str = ADA, *, after: float = 0, **more: Any) -> str:
    """A start so many seconds after noon: what it is refused with, empty when it is accepted."""
    world.at = NOON + timedelta(seconds=after)  # type: ignore[attr-defined]
    with world.patched():
        return ask(world, number, **more)


def ask(world: World, number: str, *, desired_in: float | None = None, **more: Any) -> str:
    try:
        actions.start(
            service=ConfiguredService.objects.get(pk=world.service.pk),
            parameters={"_customer_number": number, **more.pop("parameters", {})},
            desired_at=None if desired_in is None else world.now() + timedelta(seconds=desired_in),
            actor="app",
            now=world.now(),
            **more,
        )
    except LimitReached as reached:
        return str(reached)
    return ""


def cancel_all(world: World) -> None:
    with world.patched():
        for callback in Callback.objects.exclude(state=State.COMPLETED):
            actions.cancel(callback_id=callback.pk, actor="app", now=world.now())


# Windows


def test_a_place_is_free_again_ttl_whole_seconds_after_the_request_that_took_it() -> None:
    world = centre(_throttle_callbacks_per_service_1="2", _throttle_ttl_1="10")
    assert start(world) == ""
    assert start(world, after=4) == ""
    # What is refused does not count and does not prolong.
    for after in (5, 6, 9.4):
        assert start(world, after=after) == TOO_MANY_IN.format(10)
    # Whole seconds: it was accepted in the second that began half a second before noon and a half.
    assert start(world, after=9.5) == ""
    assert start(world, after=13.4) == TOO_MANY_IN.format(10)
    assert start(world, after=13.5) == ""
    assert start(world, after=14) == TOO_MANY_IN.format(10)
    assert start(world, after=100) == ""
    assert Callback.objects.count() == 5


def test_the_window_slides_so_that_no_two_halves_hold_twice_the_limit() -> None:
    """One that began with its first request would let eight in between the 9th and the 11th second."""
    world = centre(_throttle_callbacks_per_service_1="4", _throttle_ttl_1="10")
    accepted = [after for after in (0, 9, 9, 9, 9, 10, 10, 10, 11, 19, 19, 19) if start(world, after=after) == ""]
    assert accepted == [0, 9, 9, 9, 10, 19, 19, 19]


def test_both_windows_count_and_the_first_that_is_full_is_named() -> None:
    options = {"_throttle_callbacks_per_service_1": "2", "_throttle_ttl_1": "10"}
    world = centre(**options, _throttle_callbacks_per_service_2="3", _throttle_ttl_2="60")
    told = [start(world, after=after) for after in (0, 0, 0, 10, 11, 20, 59, 60, 60)]
    in_10, in_60 = TOO_MANY_IN.format(10), TOO_MANY_IN.format(60)
    assert told == ["", "", in_10, "", in_60, in_60, in_60, "", ""]


def test_a_cancel_gives_nothing_back() -> None:
    world = centre(_throttle_callbacks_per_service_1="1", _throttle_ttl_1="60", _enable_in_queue_checking="strict")
    assert start(world) == ""
    cancel_all(world)
    assert start(world) == TOO_MANY_IN.format(60)


def test_services_are_counted_each_for_itself() -> None:
    world = centre(_throttle_callbacks_per_service_1="1", _throttle_ttl_1="60")
    assert start(world) == ""
    first = world.service
    world.service = ConfiguredService.objects.create(
        name="sales", configuration=first.configuration, options=first.options
    )
    assert start(world) == ""
    assert start(world) == "Limit of queued callbacks for sales is reached for interval 60s."


@pytest.mark.parametrize(("desired_in", "is_free"), [(30, False), (120, False), (121, True), (300, True)])
def test_only_what_goes_to_the_queue_now_is_counted_and_limited(desired_in: int, is_free: bool) -> None:
    """_request_execution_time_buffer is 120 seconds."""
    world = centre(_throttle_callbacks_per_service_1="1", _throttle_ttl_1="60")
    assert start(world, desired_in=desired_in) == ""
    assert start(world) == ("" if is_free else TOO_MANY_IN.format(60))
    assert start(world, desired_in=desired_in) == ("" if is_free else TOO_MANY_IN.format(60))


def test_a_clock_that_runs_behind_another_hosts_opens_no_window() -> None:
    world = centre(_throttle_callbacks_per_service_1="2", _throttle_ttl_1="10")
    assert start(world, after=3) == ""
    assert start(world, after=0) == ""
    assert start(world, after=9) == TOO_MANY_IN.format(10)
    assert start(world, after=12) == TOO_MANY_IN.format(10)
    assert start(world, after=13) == ""


# Values of the day

TOO_OFTEN = (
    "Callback for _customer_number={} rejected because previous callbacks for this parameter were requested for more "
    "than {} times today."
)


def test_a_number_has_so_many_a_day_and_begins_anew_the_next() -> None:
    world = centre(_throttle_request_parameters_limit="2")
    assert [start(world), start(world)] == ["", ""]
    assert start(world) == TOO_OFTEN.format(ADA, 2)
    assert start(world, BOB) == ""
    # However it is written, and also when all were cancelled.
    cancel_all(world)
    assert start(world, "+1" + ADA) == TOO_OFTEN.format("+1" + ADA, 2)
    assert start(world, after=11 * 3600) == TOO_OFTEN.format(ADA, 2)
    assert start(world, after=12 * 3600) == ""


def test_the_day_is_that_of_the_installation(settings: Any) -> None:
    settings.TIME_ZONE = "America/New_York"
    world = centre(_throttle_request_parameters_limit="1")
    assert start(world) == ""
    assert start(world, after=16 * 3600) == TOO_OFTEN.format(ADA, 1)
    assert start(world, after=17 * 3600) == ""


def test_scheduled_ones_are_free_even_where_nobody_else_is_let_in() -> None:
    world = centre(_throttle_request_parameters_limit="0")
    assert start(world, desired_in=300) == ""
    assert start(world, desired_in=300) == ""
    assert start(world) == TOO_OFTEN.format(ADA, 0)


def test_several_keys_are_each_counted_and_a_header_wins() -> None:
    world = centre(_throttle_request_parameters="usr_id,gms_user", _throttle_request_parameters_limit="2")
    for _ in range(2):
        assert start(world, parameters={"usr_id": "7"}, headers={"gms_user": "ada"}) == ""
    refused = "Callback for gms_user=ada rejected because previous callbacks for this parameter were requested for more"
    told = start(world, parameters={"usr_id": "8", "gms_user": "bob"}, headers={"gms_user": "ada"})
    assert told == f"{refused} than 2 times today."
    assert start(world, parameters={"usr_id": "8", "gms_user": "bob"}) == ""
    assert start(world, parameters={"usr_id": "7"}).startswith("Callback for usr_id=7 rejected")


def test_no_value_is_stored() -> None:
    world = centre()
    assert start(world, parameters={"usr_id": "7"}) == ""
    stored = str([list(table.objects.values()) for table in (ValueCount, StartTotal, StartSecond)])
    assert ADA not in stored


# The queue


def test_the_queue_takes_so_many_and_again_when_one_has_left() -> None:
    world = centre(_max_queued_callbacks_per_service="2")
    assert [start(world), start(world), start(world)] == ["", "", QUEUE_FULL]
    first = Callback.objects.earliest("created_at")
    with world.patched():
        actions.cancel(callback_id=first.pk, actor="app", now=world.now())
    assert [start(world), start(world)] == ["", QUEUE_FULL]


def test_scheduled_ones_are_neither_counted_nor_limited() -> None:
    world = centre(_max_queued_callbacks_per_service="1")
    assert [start(world, desired_in=180) for _ in range(2)] == ["", ""]
    assert [start(world), start(world)] == ["", QUEUE_FULL]
    assert start(world, desired_in=180) == ""
    assert start(world, desired_in=60) == QUEUE_FULL


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        ("QUEUED", True),
        ("PAUSED", True),
        ("ROUTING", True),
        ("PROCESSING", True),
        ("SCHEDULED", False),
        ("COMPLETED", False),
    ],
)
def test_which_states_are_in_the_queue(state: str, counts: bool) -> None:
    world = centre(_max_queued_callbacks_per_service="1")
    CallbackFactory.create(service=world.service, state=State(state), created_at=NOON)
    assert start(world) == (QUEUE_FULL if counts else "")


def test_one_that_started_early_counts_when_its_own_time_has_come() -> None:
    """Drawn in by the wait of its queue; _request_execution_time_buffer is 120 seconds."""
    world = centre(_max_queued_callbacks_per_service="1")
    CallbackFactory.create(service=world.service, created_at=NOON, desired_at=NOON + timedelta(seconds=180))
    assert start(world, after=59, desired_in=0) == ""
    cancel_all(world)
    CallbackFactory.create(service=world.service, created_at=NOON, desired_at=NOON + timedelta(seconds=180))
    assert start(world, after=60) == QUEUE_FULL


# One number in the queue


def in_queue(number: str, has: str) -> str:
    return (
        f"Callback for _customer_number={number} rejected because {has} of this number "
        f"{'is' if has == 'a callback' else 'are'} already in queue for voice-userterm-immediate. "
        "Check option _enable_in_queue_checking"
    )


def test_the_third_callback_of_a_number_is_refused_and_strictly_the_second() -> None:
    world = centre(_enable_in_queue_checking="true")
    assert [start(world), start(world, desired_in=3600)] == ["", ""]
    assert start(world) == in_queue(ADA, "2 callbacks")
    assert start(world, desired_in=7200) == in_queue(ADA, "2 callbacks")
    assert start(world, "+1" + ADA) == in_queue("+1" + ADA, "2 callbacks")
    assert start(world, BOB) == ""
    ConfiguredService.objects.update(options={**world.service.options, "_enable_in_queue_checking": "strict"})
    assert start(world, BOB, desired_in=7200) == in_queue(BOB, "a callback")
    cancel_all(world)
    assert [start(world), start(world)] == ["", in_queue(ADA, "a callback")]


# What it costs


def test_a_start_reads_once_and_counts_once() -> None:
    world = centre(_enable_in_queue_checking="true")
    assert start(world) == ""
    with CaptureQueriesContext(connection) as captured:
        assert start(world, BOB) == ""
    ours = [query["sql"] for query in captured if "start" in query["sql"] and "valuecount" in query["sql"]]
    assert len(ours) == 2
    # Others wait for the counters until the transaction ends: nothing comes in between.
    assert captured[-1]["sql"] == "COMMIT"
    assert captured[-2]["sql"] == ours[-1]


def test_old_counters_are_swept_and_what_is_in_a_window_is_not() -> None:
    world = centre(_throttle_callbacks_per_service_1="2", _throttle_ttl_1="10", _throttle_ttl_2="60")
    assert [start(world), start(world, BOB, after=30)] == ["", ""]
    assert sweeps.forget_counts(NOON + timedelta(seconds=60)) == 0
    assert sweeps.forget_counts(NOON + timedelta(seconds=61)) == 1
    assert list(StartSecond.objects.values_list("second", "before")) == [(int(NOON.timestamp()) + 30, 1)]
    # Their day, and the next one, on which the last of it may still be counted.
    assert sweeps.forget_counts(NOON + timedelta(hours=35)) == 1
    assert ValueCount.objects.count() == 2
    assert sweeps.forget_counts(NOON + timedelta(hours=36)) == 2
    assert ValueCount.objects.count() == 0
    # The total stays: a window is a difference of totals.
    assert StartTotal.objects.get().accepted == 2
    assert [start(world, after=90_000 + n) for n in range(3)] == ["", "", TOO_MANY_IN.format(10)]


def test_a_service_takes_its_total_along() -> None:
    world = centre()
    assert start(world) == ""
    cancel_all(world)
    Callback.objects.update(service=None)
    world.service.delete()
    assert StartTotal.objects.count() == 0


# Races

AT_ONCE = 64
REFUSED = {
    "rate": ({"_throttle_callbacks_per_service_2": "10"}, 10),
    "value": ({"_throttle_request_parameters": "usr_id", "_throttle_request_parameters_limit": "10"}, 10),
    "queue": ({"_max_queued_callbacks_per_service": "10"}, 10),
    "number": ({"_enable_in_queue_checking": "true"}, 2),
    "scheduled number": ({"_enable_in_queue_checking": "strict"}, 1),
}


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("limit", REFUSED)
def test_of_64_starts_at_once_never_one_too_many(limit: str, guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """All 64 look before any of them counts. Without the guard, which is to look again, all are accepted."""
    options, allowed = REFUSED[limit]
    world = centre(**options)
    looked = threading.Barrier(AT_ONCE)
    read, count = counts.read, counts.count

    def read_together(asked: Asked, limits: Limits, buffer: timedelta, now: datetime) -> Reading:
        seen = read(asked, limits, buffer, now)
        looked.wait(timeout=60)
        return seen

    def count_blindly(asked: Asked, limits: Limits, seen: Reading, now: datetime) -> Counts:
        count(asked, limits, seen, now)
        return seen.counts

    monkeypatch.setattr(counts, "read", read_together)
    if not guarded:
        monkeypatch.setattr(counts, "count", count_blindly)

    def request(n: int) -> str:
        try:
            with connection.cursor() as cursor:
                # The machine may be busy.
                cursor.execute("SET lock_timeout = '60s'; SET statement_timeout = '60s'")
            number = ADA if "number" in limit else f"65046{n:05d}"
            desired_in = 3600 + n if limit == "scheduled number" else None
            return ask(world, number, desired_in=desired_in, parameters={"usr_id": "7"})
        finally:
            connection.close()

    with world.patched(), ThreadPoolExecutor(AT_ONCE) as pool:
        told = list(pool.map(request, range(AT_ONCE)))
    accepted = told.count("")
    assert Callback.objects.count() == accepted
    assert accepted == (allowed if guarded else AT_ONCE)
    # Those who were refused were not counted.
    if limit in {"rate", "queue", "value"}:
        assert StartTotal.objects.get().accepted == accepted
