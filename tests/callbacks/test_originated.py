"""Customers who call us: from the request for a number to call to the talk with an agent, on the simulator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from callbacks import actions
from callbacks.flow.states import Reason
from callbacks.models import Callback, Pending
from callbacks.promises import NotAvailable
from scheduling.models import Timer
from services.models import NamedList
from telephony import access, inbound
from telephony.inbound_models import ArrivedCall
from telephony.models import AccessBooking, Agent, Call, Leg, QueueEntry
from telephony.simulator.engine import SimulatorSwitch
from tests.world import HUMAN, World

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "18005550100"
STRANGER = "4930555012"
TALK = ["expecting", "waiting", "connecting", "joining", "talking", "ended"]


@pytest.fixture(autouse=True)
def _fast(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 50.0


def centre(*, numbers: tuple[str, ...] = (NUMBER,), **options: str) -> World:
    """A service whose customers call one of these numbers."""
    pool = {"_allocation": "LOCAL"} | {f"number{i}": number for i, number in enumerate(numbers)}
    NamedList.objects.create(name="GMS_Resources", sections={"DNIS": pool})
    options = {"_call_direction": "USERORIGINATED", "_booking_expiration_timeout": "60", **options}
    return World(agents=("kate",), **options)


class Caller:
    """Somebody who calls the centre."""

    def __init__(self, world: World, caller: str = HUMAN, called: str = NUMBER) -> None:
        self.world = world
        self.switch = SimulatorSwitch(world.switch.pk)
        self.leg = self.switch.dial_in(called=called, caller=caller)

    def press(self, digits: str) -> None:
        self.switch.press(self.leg, digits)

    @property
    def row(self) -> ArrivedCall | None:
        return ArrivedCall.objects.filter(pk=self.leg).first()

    def until_hears(self, file: str, number: int) -> None:
        """Until this is played to them, as their `number`-th sound."""
        self.world.run(lambda: (row := self.row) is not None and (row.says, row.said) == (file, number))

    def is_gone(self) -> bool:
        """Hung up, and nothing of them left here."""
        return self.row is None


def stages(callback: Callback) -> list[str]:
    seen: list[str] = []
    for stage in callback.journal.order_by("id").values_list("stage", flat=True):
        if not seen or seen[-1] != stage:
            seen.append(stage)
    return seen


def results(callback: Callback) -> list[str]:
    return list(callback.attempts.filter(party="customer").order_by("number").values_list("result", flat=True))


def code_of(callback: Callback) -> str:
    booking = access.booking_of(callback.pk)
    assert booking is not None
    return booking.code


def assert_nothing_is_left() -> None:
    for table in (Pending, Timer, Call, Leg, QueueEntry, ArrivedCall, AccessBooking):
        assert table.objects.count() == 0, f"{table.__name__} is not empty"


def test_a_customer_calls_the_number_that_is_held_for_them_and_talks_to_an_agent() -> None:
    world = centre()
    world.ready()
    callback = world.start()
    assert (callback.state, callback.stage) == ("QUEUED", "expecting")
    booking = access.booking_of(callback.pk)
    assert booking is not None
    assert (booking.number, booking.code) == (NUMBER, "")
    assert (booking.expires_at - callback.created_at).total_seconds() == 60
    Caller(world)
    callback = world.finish(callback)
    assert (callback.state, callback.reason, callback.agent) == ("COMPLETED", "AGENT_CONNECTED", "kate")
    assert stages(callback) == ["held", *TALK]
    assert results(callback) == ["USERORIGINATED_CONNECTED"]
    assert callback.attempts.get(party="customer").dialled_at is None, "nobody rang the customer"
    assert_nothing_is_left()


def test_the_customer_hears_the_greeting_and_then_waits_as_after_an_answer() -> None:
    world = centre(_treatment_customer_connect="SampleTreatments/customer_announcement.wav")
    callback = world.start()
    caller = Caller(world)
    world.run(lambda: Callback.objects.get().stage == "waiting")
    callback.refresh_from_db()
    assert stages(callback)[1:] == ["expecting", "greeting", "waiting"]
    assert callback.state == "ROUTING"
    leg = Leg.objects.get()
    assert (leg.pk, leg.party, leg.attempt, leg.state, leg.sounds) == (caller.leg, "customer", 1, "up", 2)
    assert access.booking_of(callback.pk) is None, "the number is given to the next one"
    world.ready()
    assert world.finish(callback).reason == "AGENT_CONNECTED"


def test_a_code_tells_two_callers_of_one_number_apart() -> None:
    world = centre(_provide_code="true", _access_code_length="4", _agent_reserve_timeout="30")
    ann, bob = world.start("916504661000"), world.start("916504661001")
    assert access.booking_of(ann.pk) != access.booking_of(bob.pk)
    # From a phone that nobody knows.
    caller = Caller(world, caller="")
    caller.until_hears(inbound.ENTER_CODE, 1)
    caller.press(code_of(bob))
    world.run(lambda: Callback.objects.get(pk=bob.pk).stage == "waiting")
    assert Callback.objects.get(pk=ann.pk).stage == "expecting"
    assert Leg.objects.get().call_id == bob.pk
    world.ready()
    world.run(lambda: Callback.objects.get(pk=bob.pk).stage == "ended")
    assert Callback.objects.get(pk=bob.pk).reason == "AGENT_CONNECTED"


def test_a_question_that_nobody_stopped_in_time_is_stopped_once_the_call_is_taken() -> None:
    """An app types the code within a moment: the call may be its owner's before a worker stops the question."""
    world = centre(_provide_code="true", _access_code_length="4")
    callback = world.start()
    caller = Caller(world, caller="")
    caller.until_hears(inbound.ENTER_CODE, 1)
    caller.press(code_of(callback))
    with world.patched():
        world.listen()
    world.kicks[:] = [kick for kick in world.kicks if kick[0] != inbound.ATTEND]
    with mock.patch.object(SimulatorSwitch, "stop", autospec=True) as stop:
        world.run(lambda: Callback.objects.get().stage == "waiting")
        world.run(lambda: Leg.objects.get().sounds == 3)
    assert [call.args[1:] for call in stop.call_args_list] == [(caller.leg, 1)]


def test_three_wrong_codes_are_the_end_and_the_booking_is_kept() -> None:
    world = centre(_provide_code="true", _access_code_length="4", _booking_expiration_timeout="600")
    callback = world.start()
    wrong = f"{(int(code_of(callback)) + 1) % 10_000:04}"
    caller = Caller(world)
    caller.until_hears(inbound.ENTER_CODE, 1)
    caller.press(wrong)
    # What is heard is stopped at the first key.
    caller.until_hears(inbound.WRONG_CODE, 3)
    # A code that is too short ends with #; * begins anew.
    caller.press("99*" + wrong[:2] + "#")
    caller.until_hears(inbound.WRONG_CODE, 5)
    caller.press(wrong)
    caller.until_hears(inbound.NOT_KNOWN, 7)
    world.run(caller.is_gone)
    callback.refresh_from_db()
    assert (callback.stage, Leg.objects.count()) == ("expecting", 0)
    again = Caller(world)
    again.until_hears(inbound.ENTER_CODE, 1)
    again.press(code_of(callback))
    world.run(lambda: Callback.objects.get().stage == "waiting")


def test_whoever_types_nothing_is_asked_again_and_then_hung_up() -> None:
    world = centre(_provide_code="true", _booking_expiration_timeout="600")
    world.start()
    caller = Caller(world)
    caller.until_hears(inbound.ENTER_CODE, 1)
    caller.until_hears(inbound.ENTER_CODE, 2)
    world.run(caller.is_gone)


@pytest.mark.parametrize(
    ("caller", "called"),
    [(STRANGER, NUMBER), (HUMAN, "18005550199"), ("", "18005550199")],
    ids=["another customer's number", "a number that nobody holds", "withheld"],
)
def test_whoever_is_not_expected_hears_so_and_is_hung_up(caller: str, called: str) -> None:
    world = centre()
    callback = world.start()
    stranger = Caller(world, caller, called)
    stranger.until_hears(inbound.NOT_KNOWN, 1)
    world.run(stranger.is_gone)
    callback.refresh_from_db()
    assert (callback.stage, Leg.objects.count()) == ("expecting", 0)


def test_the_booking_runs_out_and_the_request_ends() -> None:
    world = centre(_booking_expiration_timeout="30")
    world.ready()
    callback = world.finish(world.start())
    assert (callback.state, callback.reason) == ("COMPLETED", "FAIL_CALL_TO_CUSTOMER")
    assert results(callback) == ["FAILED_TO_ESTABLISH_CUSTOMER_ORIGINATED_MEDIA"]
    assert stages(callback) == ["held", "expecting", "ended"]
    assert callback.completed_at is not None
    assert 40 <= (callback.completed_at - callback.created_at).total_seconds() < 45
    assert_nothing_is_left()


def test_a_cancel_gives_the_number_back_and_the_call_comes_in_vain() -> None:
    world = centre()
    callback = world.start()
    actions.cancel(callback_id=callback.pk, actor="customer", now=world.now())
    assert access.booking_of(callback.pk) is None
    caller = Caller(world)
    caller.until_hears(inbound.NOT_KNOWN, 1)
    world.run(caller.is_gone)
    callback = world.finish(callback)
    assert callback.reason == "CANCELLED"
    assert_nothing_is_left()


def test_a_cancel_that_is_decided_together_with_the_call_turns_it_away() -> None:
    """The call was matched, and nobody has decided on it yet: nothing of it is wanted after the same transaction."""
    world = centre()
    callback = world.start()
    caller = Caller(world)
    with world.patched():
        world.listen()
        assert caller.row is not None
        assert caller.row.step == "offered"
        callback = actions.cancel(callback_id=callback.pk, actor="customer", now=world.now())
    assert (callback.state, callback.reason) == ("COMPLETED", "CANCELLED")
    caller.until_hears(inbound.TOO_LATE, 1)
    world.run(caller.is_gone)
    assert_nothing_is_left()


def test_a_second_call_of_the_same_customer_is_told_that_it_comes_too_late() -> None:
    """Both were matched before the first was decided: only one becomes the customer's leg."""
    world = centre()
    callback = world.start()
    first, second = Caller(world), Caller(world)
    # The switch tells of both before any decision is made.
    world.run(lambda: ArrivedCall.objects.filter(step="offered").count() == 2 or Leg.objects.exists())
    second.until_hears(inbound.TOO_LATE, 1)
    world.run(second.is_gone)
    assert Leg.objects.get().pk == first.leg
    assert Callback.objects.get(pk=callback.pk).stage == "waiting"


def test_a_full_pool_refuses_a_start_and_stores_nothing() -> None:
    world = centre()
    world.start("916504661000")
    with pytest.raises(access.Exhausted, match=r"No access number of DNIS is free\."):
        world.start("916504661001")
    assert Callback.objects.count() == 1
    assert AccessBooking.objects.count() == 1


def test_nobody_is_given_a_number_while_no_call_is_taken() -> None:
    world = centre(_paused_services_list="GMS_Paused_Services")
    NamedList.objects.create(name="GMS_Paused_Services", sections={"services": {"all": "true"}})
    with pytest.raises(NotAvailable, match=r"^No call can be taken now: the service is paused\.$"):
        world.start()
    assert (Callback.objects.count(), AccessBooking.objects.count()) == (0, 0)


def delayed(**options: str) -> World:
    world = centre(numbers=(NUMBER,), _wait_for_agent="true", **options)
    world.ready()
    return world


def test_delayed_the_customer_asks_for_the_number_once_an_agent_is_about_to_be_free() -> None:
    world = delayed()
    callback = world.start()
    assert (callback.stage, access.booking_of(callback.pk)) == ("awaiting", None)
    world.run(lambda: Callback.objects.get().stage == "confirming")
    place = QueueEntry.objects.get().place_at
    with world.patched():
        callback = actions.connect(callback_id=callback.pk, actor="app", now=world.now())
    assert callback.stage == "expecting"
    assert access.booking_of(callback.pk) is not None
    assert QueueEntry.objects.get().place_at == place, "the place is kept"
    Caller(world)
    callback = world.finish(callback)
    assert callback.reason == "AGENT_CONNECTED"
    assert stages(callback) == ["held", "awaiting", "confirming", *TALK]
    assert results(callback) == ["USERORIGINATED_CONNECTED"]
    assert_nothing_is_left()


def test_a_customer_may_ask_for_another_number_so_often() -> None:
    world = delayed(_userorig_connect_limit="2")
    callback = world.start()
    world.run(lambda: Callback.objects.get().stage == "confirming")
    with world.patched():
        actions.connect(callback_id=callback.pk, actor="app", now=world.now())
        actions.connect(callback_id=callback.pk, actor="app", now=world.now() + timedelta(seconds=20))
        with pytest.raises(actions.Refused, match=r"as often as it may be \(_userorig_connect_limit\)$"):
            actions.connect(callback_id=callback.pk, actor="app", now=world.now())
    assert list(callback.attempts.order_by("number").values_list("number", "result")) == [(1, ""), (2, "")]
    Caller(world)
    callback = world.finish(callback)
    assert (callback.reason, results(callback)) == ("AGENT_CONNECTED", ["", "USERORIGINATED_CONNECTED"])


def test_whoever_does_not_ask_for_the_number_is_never_rung() -> None:
    world = delayed(_on_user_confirm_timeout="CONNECT-ANYWAY", _user_confirm_timeout="5")
    callback = world.finish(world.start())
    assert callback.reason == Reason.FAIL_USER_NO_CONFIRM
    assert callback.attempts.count() == 0
    assert_nothing_is_left()


def test_a_customer_who_hung_up_before_they_were_taken_is_not_waited_for() -> None:
    """The end of the call is told before the decision that takes it."""
    world = centre()
    callback = world.start()
    caller = Caller(world)
    with world.patched():
        world.listen()
    assert caller.row is not None
    assert caller.row.step == "offered"
    ArrivedCall.objects.all().delete()
    callback = world.finish(callback)
    assert callback.reason == "FAIL_INTERACTION_DELETED"
    assert Agent.objects.filter(reserved_for__isnull=False).count() == 0


def test_a_call_whose_owner_does_not_decide_is_not_left_in_silence() -> None:
    world = centre()
    world.start()
    caller = Caller(world)
    with world.patched():
        world.listen()
    Pending.objects.all().delete()
    world.kicks.clear()
    caller.until_hears(inbound.TOO_LATE, 1)
    world.run(caller.is_gone)


def test_a_message_that_a_dead_worker_did_not_play_is_played_by_the_tick() -> None:
    world = centre()
    caller = Caller(world, STRANGER)
    with world.patched():
        world.listen()
    world.kicks.clear()
    assert caller.row is not None
    assert (caller.row.number, caller.row.said) == (1, 0)
    world.offset += timedelta(seconds=3)
    world.tick()
    caller.until_hears(inbound.NOT_KNOWN, 1)
    world.run(caller.is_gone)
