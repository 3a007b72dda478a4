"""The simulator's people, seen through its verbs and its own listener, fifty times faster than life."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, pairwise
from random import Random
from typing import Any

import pytest
from django.db import connections

from telephony import switches
from telephony.models import Switch
from telephony.simulator.models import SimulatedHappening, SimulatedLeg
from telephony.switch import (
    Answered,
    Created,
    Dialling,
    EndCause,
    Ended,
    EnteredBridge,
    LeftBridge,
    LegRequest,
    LegState,
    Progress,
    Rejected,
    Ringing,
    Snapshot,
    Sounds,
    SoundsFinished,
    SwitchEvent,
    Verdict,
)
from telephony.switch import Switch as Verbs

pytestmark = pytest.mark.django_db

LEG = "cb-369-ann-customer-2"
KATE = "cb-369-ann-agent-1"
HUMAN = [Dialling(LEG), Ringing(LEG), Answered(LEG)]
HUNG_UP = Ended(LEG, EndCause.HANGUP)


@pytest.fixture(autouse=True)
def _fast(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 50.0


@pytest.fixture
def row() -> Switch:
    return Switch.objects.create(name="SIP_Switch")


@pytest.fixture
def verbs(row: Switch) -> Verbs:
    return switches.connect(row)


class Reader:
    """A consumer of the switch's events that writes down what it got at every None, as the telephony process does."""

    def __init__(self, row: Switch) -> None:
        self.row = row
        self.start()

    def start(self) -> None:
        self.listener = switches.listen(self.row)
        self._events: Iterator[SwitchEvent | None] = self.listener.events()

    def until(self, last: SwitchEvent, *, snapshots: bool = False, seconds: float = 30.0) -> list[SwitchEvent]:
        """What happened up to and including `last`, all of it written."""
        seen: list[SwitchEvent] = []
        deadline = time.monotonic() + seconds
        for event in self._events:
            if event is not None and (snapshots or not isinstance(event, Snapshot)):
                seen.append(event)
            if event is None and last in seen:
                # Asking for more says that all of it is written.
                self._events = chain([next(self._events)], self._events)
                return seen
            assert time.monotonic() < deadline, f"{last} did not come, only {seen}"
        raise AssertionError("the listener ended")

    def quiet(self, seconds: float = 0.2) -> list[SwitchEvent]:
        """What happens within some time."""
        seen: list[SwitchEvent] = []
        deadline = time.monotonic() + seconds
        for event in self._events:
            if event is not None and not isinstance(event, Snapshot):
                seen.append(event)
            if event is None and time.monotonic() > deadline:
                break
        return seen

    def snapshot(self) -> Snapshot:
        self.start()
        event = next(self._events)
        assert isinstance(event, Snapshot)
        return event


@pytest.fixture
def reader(row: Switch) -> Reader:
    return Reader(row)


def ring(verbs: Verbs, number: str, *, leg: str = LEG, detect: bool = True, timeout: int = 20) -> None:
    verbs.create_leg(LegRequest(leg, number, detect=detect))
    verbs.dial_leg(leg, timeout=timeout)


@pytest.mark.parametrize("number", ["916504661232", "5115", "+1 (650) 466-1232"])
def test_an_ordinary_number_is_answered_by_a_human(verbs: Verbs, reader: Reader, number: str) -> None:
    ring(verbs, number)

    human = Progress(LEG, Verdict.HUMAN)
    assert reader.until(human) == [Created(LEG), *HUMAN, human]
    assert reader.quiet() == []


@pytest.mark.parametrize(
    ("ending", "story"),
    [
        ("80", [Dialling(LEG), Ended(LEG, EndCause.BUSY, "486 Busy Here")]),
        ("81", [Dialling(LEG), Ringing(LEG), Ended(LEG, EndCause.NO_ANSWER, "no answer")]),
        ("82", [Dialling(LEG), Ended(LEG, EndCause.REFUSED, "603 Decline")]),
        ("83", [*HUMAN, Progress(LEG, Verdict.MACHINE), HUNG_UP]),
        ("84", [*HUMAN, Progress(LEG, Verdict.FAX), HUNG_UP]),
        ("86", [*HUMAN, HUNG_UP]),
        ("87", [*HUMAN, Progress(LEG, Verdict.HUMAN), HUNG_UP]),
        ("90", [Dialling(LEG), Ended(LEG, EndCause.UNREACHABLE, "no route to the number")]),
        ("93", [*HUMAN, Progress(LEG, Verdict.TONE), HUNG_UP]),
    ],
)
def test_the_ending_of_a_number_says_who_answers(
    verbs: Verbs, reader: Reader, ending: str, story: list[SwitchEvent]
) -> None:
    ring(verbs, f"+4930123{ending}")

    assert reader.until(story[-1]) == [Created(LEG), *story]
    assert not SimulatedLeg.objects.exists()
    assert not SimulatedHappening.objects.exists()


@pytest.mark.parametrize(("ending", "verdict"), [("85", Verdict.UNSURE), ("88", Verdict.HUMAN), ("89", Verdict.HUMAN)])
def test_humans_wait_as_long_as_it_takes(verbs: Verbs, reader: Reader, ending: str, verdict: Verdict) -> None:
    ring(verbs, f"030123{ending}")

    assert reader.until(Progress(LEG, verdict)) == [Created(LEG), *HUMAN, Progress(LEG, verdict)]
    assert reader.quiet(0.5) == []


def test_a_slow_answer_needs_a_long_ring(verbs: Verbs, reader: Reader) -> None:
    ring(verbs, "03012391", timeout=8)
    no_answer = Ended(LEG, EndCause.NO_ANSWER, "no answer")
    assert reader.until(no_answer) == [Created(LEG), Dialling(LEG), Ringing(LEG), no_answer]

    ring(verbs, "03012391", timeout=20, detect=False)
    assert reader.until(Answered(LEG)) == [Created(LEG), *HUMAN]


def test_busy_at_the_first_attempt_answers_at_the_second(verbs: Verbs, reader: Reader) -> None:
    first = "cb-369-ann-customer-1"
    ring(verbs, "03012392", leg=first)
    busy = Ended(first, EndCause.BUSY, "486 Busy Here")
    assert reader.until(busy) == [Created(first), Dialling(first), busy]

    ring(verbs, "03012392", leg=LEG, detect=False)
    assert reader.until(Answered(LEG)) == [Created(LEG), *HUMAN]


def test_without_detection_there_is_no_verdict(verbs: Verbs, reader: Reader) -> None:
    ring(verbs, "5115", detect=False)

    assert reader.until(Answered(LEG)) == [Created(LEG), *HUMAN]
    assert reader.quiet() == []


def test_the_same_leg_behaves_the_same_again(verbs: Verbs, reader: Reader) -> None:
    def plan() -> list[float]:
        ring(verbs, "5115")
        rows = list(SimulatedHappening.objects.order_by("at", "id"))
        verbs.delete_leg(LEG)
        # Its end is a hang-up where a slow machine let it be answered meanwhile.
        while SimulatedHappening.objects.exists():
            reader.quiet(0.1)
        return [round((row.at - rows[1].at).total_seconds(), 3) for row in rows[1:]]

    assert plan() == plan()


# Agents' phones


@pytest.mark.parametrize(
    ("phone", "story"),
    [
        ("sim:kate", [Dialling(KATE), Ringing(KATE), Answered(KATE)]),
        ("sim:kate?answer=3", [Dialling(KATE), Ringing(KATE), Answered(KATE)]),
        ("sim:kate?busy", [Dialling(KATE), Ended(KATE, EndCause.BUSY, "486 Busy Here")]),
        ("sim:kate?refused", [Dialling(KATE), Ended(KATE, EndCause.REFUSED, "603 Decline")]),
        ("sim:kate?noanswer", [Dialling(KATE), Ringing(KATE), Ended(KATE, EndCause.NO_ANSWER, "no answer")]),
        ("sim:kate?unreachable", [Dialling(KATE), Ended(KATE, EndCause.UNREACHABLE, "no route to the number")]),
    ],
)
def test_an_agents_phone_does_as_its_address_says(
    verbs: Verbs, reader: Reader, phone: str, story: list[SwitchEvent]
) -> None:
    ring(verbs, phone, leg=KATE, detect=False)

    assert reader.until(story[-1]) == [Created(KATE), *story]
    assert reader.quiet() == []


@pytest.mark.parametrize("endpoint", ["", "PJSIP/kate", "sim:", "sim:?busy", "sim:kate?asleep", "sim:kate?hangup=soon"])
def test_an_unknown_endpoint_is_rejected(verbs: Verbs, endpoint: str) -> None:
    with pytest.raises(Rejected):
        verbs.create_leg(LegRequest(LEG, endpoint))

    assert not SimulatedLeg.objects.exists()
    assert not SimulatedHappening.objects.exists()


# Verbs


def test_verbs_may_be_repeated(verbs: Verbs, reader: Reader) -> None:
    ring(verbs, "5115")
    ring(verbs, "5115")
    human = Progress(LEG, Verdict.HUMAN)
    assert reader.until(human) == [Created(LEG), *HUMAN, human]

    verbs.play(LEG, Sounds(1, ("Sounds/hello",)))
    verbs.play(LEG, Sounds(1, ("Sounds/hello",)))
    assert reader.until(SoundsFinished(LEG, 1)) == [SoundsFinished(LEG, 1)]
    verbs.play(LEG, Sounds(1, ("Sounds/hello",)))

    verbs.join("b1", (LEG,))
    verbs.join("b1", (LEG,))
    assert reader.until(EnteredBridge(LEG, "b1")) == [EnteredBridge(LEG, "b1")]

    verbs.delete_leg(LEG)
    verbs.delete_leg(LEG)
    assert reader.until(HUNG_UP) == [HUNG_UP]
    verbs.delete_leg(LEG)
    verbs.close_bridge("b1")
    assert reader.quiet() == []


def test_what_needs_a_leg_is_rejected_without_one(verbs: Verbs, reader: Reader) -> None:
    with pytest.raises(Rejected):
        verbs.dial_leg(LEG, timeout=20)
    verbs.create_leg(LegRequest(LEG, "5115"))
    with pytest.raises(Rejected):
        verbs.play(LEG, Sounds(1, ("Sounds/hello",)))
    with pytest.raises(Rejected):
        verbs.join("b1", (LEG,))
    verbs.delete_leg(LEG)
    with pytest.raises(Rejected):
        verbs.dial_leg(LEG, timeout=20)

    cancelled = Ended(LEG, EndCause.CANCELLED)
    assert reader.until(cancelled) == [Created(LEG), cancelled]
    assert reader.quiet() == []


def test_a_ringing_leg_that_is_deleted_is_not_answered_any_more(verbs: Verbs, reader: Reader) -> None:
    ring(verbs, "sim:kate?answer=15")
    reader.until(Ringing(LEG))
    verbs.delete_leg(LEG)

    assert reader.until(Ended(LEG, EndCause.CANCELLED)) == [Ended(LEG, EndCause.CANCELLED)]
    assert reader.quiet(0.4) == []


def test_a_list_takes_two_seconds_a_file_and_a_loop_never_ends(verbs: Verbs, reader: Reader) -> None:
    ring(verbs, "5115", detect=False)
    reader.until(Answered(LEG))
    verbs.play(LEG, Sounds(1, ("Sounds/hello", "Sounds/wait")))
    planned = SimulatedHappening.objects.get(kind="SoundsFinished")
    assert (planned.at - SimulatedLeg.objects.get().answers_at).total_seconds() > 0.06  # type: ignore[operator]
    assert reader.until(SoundsFinished(LEG, 1)) == [SoundsFinished(LEG, 1)]

    verbs.play(LEG, Sounds(2, ("Sounds/music",), loop=True))
    verbs.play(LEG, Sounds(3, ()))
    assert reader.until(SoundsFinished(LEG, 3)) == [SoundsFinished(LEG, 3)]


def test_a_stopped_list_does_not_end_by_itself(verbs: Verbs, reader: Reader) -> None:
    ring(verbs, "5115", detect=False)
    reader.until(Answered(LEG))
    verbs.play(LEG, Sounds(1, ("Sounds/hello",) * 10))
    verbs.stop(LEG, 1)
    assert reader.quiet(0.5) == []

    verbs.play(LEG, Sounds(2, ("Sounds/hello",) * 10))
    verbs.stop(LEG, 1)  # of a performer that slept
    assert reader.until(SoundsFinished(LEG, 2)) == [SoundsFinished(LEG, 2)]


def test_after_beep_waits_for_the_machines_greeting(verbs: Verbs, reader: Reader, settings: Any) -> None:
    settings.SIMULATOR_SPEED = 5.0
    ring(verbs, "03012383")
    reader.until(Progress(LEG, Verdict.MACHINE))
    verbs.play(LEG, Sounds(1, ("Sounds/message",), after_beep=True))

    beep_at = SimulatedLeg.objects.get().beep_at
    assert beep_at is not None
    assert (SimulatedHappening.objects.get(kind="SoundsFinished").at - beep_at).total_seconds() == pytest.approx(2 / 5)
    assert reader.until(SoundsFinished(LEG, 1)) == [SoundsFinished(LEG, 1)]


# Conversations


def up(verbs: Verbs, reader: Reader, number: str = "5115", phone: str = "sim:kate") -> None:
    """Both parties have answered."""
    ring(verbs, phone, leg=KATE, detect=False)
    reader.until(Answered(KATE))
    ring(verbs, number, detect=False)
    reader.until(Answered(LEG))


def test_a_customer_talks_and_hangs_up_and_the_agent_follows(verbs: Verbs, reader: Reader) -> None:
    up(verbs, reader)
    verbs.join("b1", (LEG, KATE))

    assert sorted(reader.until(HUNG_UP), key=str) == [HUNG_UP, EnteredBridge(KATE, "b1"), EnteredBridge(LEG, "b1")]
    assert reader.until(Ended(KATE, EndCause.HANGUP)) == [Ended(KATE, EndCause.HANGUP)]
    assert not SimulatedLeg.objects.exists()


def test_an_agent_may_hang_up_first(verbs: Verbs, reader: Reader) -> None:
    up(verbs, reader, "03012389", "sim:kate?hangup=5")
    verbs.join("b1", (LEG, KATE))

    left = Ended(KATE, EndCause.HANGUP)
    assert sorted(reader.until(left), key=str) == [left, EnteredBridge(KATE, "b1"), EnteredBridge(LEG, "b1")]
    verbs.delete_leg(LEG)
    assert reader.until(HUNG_UP) == [HUNG_UP]
    assert reader.quiet() == []


def test_somebody_impatient_stays_once_joined(verbs: Verbs, reader: Reader, settings: Any) -> None:
    settings.SIMULATOR_SPEED = 5.0
    up(verbs, reader, "03012387")
    verbs.join("b1", (LEG, KATE))

    planned = SimulatedHappening.objects.get(leg=LEG, kind="Ended")
    entered = SimulatedHappening.objects.get(leg=LEG, kind="EnteredBridge")
    assert (planned.at - entered.at).total_seconds() == pytest.approx(8 / 5)


def test_a_held_party_leaves_the_bridge_and_waits(verbs: Verbs, reader: Reader) -> None:
    up(verbs, reader, "03012389")
    verbs.join("b1", (LEG, KATE))
    verbs.hold("b0", LEG)
    verbs.hold("b1", LEG)
    assert reader.until(LeftBridge(LEG, "b1"))[-1] == LeftBridge(LEG, "b1")
    assert reader.quiet() == []

    verbs.join("b1", (LEG,))
    verbs.close_bridge("b1")
    assert set(reader.until(LeftBridge(KATE, "b1"))) == {
        EnteredBridge(LEG, "b1"),
        LeftBridge(LEG, "b1"),
        LeftBridge(KATE, "b1"),
    }


def test_a_bridge_needs_all_its_legs(verbs: Verbs, reader: Reader) -> None:
    ring(verbs, "5115", detect=False)
    reader.until(Answered(LEG))

    with pytest.raises(Rejected):
        verbs.join("b1", (LEG, KATE))


# The listener


def test_a_snapshot_comes_first_and_shows_every_leg(verbs: Verbs, reader: Reader) -> None:
    up(verbs, reader)
    verbs.join("b1", (KATE,))
    verbs.create_leg(LegRequest("cb-other", "5115"))
    ring(verbs, "03012381", leg="cb-ringing")
    reader.until(Ringing("cb-ringing"))

    seen = {leg.id: (leg.state, leg.bridge) for leg in reader.snapshot().legs}
    assert seen == {
        LEG: (LegState.UP, None),
        KATE: (LegState.UP, "b1"),
        "cb-other": (LegState.CREATED, None),
        "cb-ringing": (LegState.RINGING, None),
    }
    assert {leg.id for leg in verbs.list_legs()} == set(seen)


def test_a_leg_is_listed_until_its_end_was_delivered(verbs: Verbs, reader: Reader) -> None:
    verbs.create_leg(LegRequest(LEG, "5115"))
    verbs.delete_leg(LEG)
    assert [leg.id for leg in verbs.list_legs()] == [LEG]

    reader.until(Ended(LEG, EndCause.CANCELLED))
    assert verbs.list_legs() == ()


def test_a_killed_reader_loses_nothing_and_repeats_one_batch_at_most(verbs: Verbs, row: Switch) -> None:
    """Killed between any two steps of reading; a new listener goes on where the last written batch ended."""
    story = [Created(LEG), *HUMAN, Progress(LEG, Verdict.HUMAN), HUNG_UP]
    for killed_after in range(12):
        ring(verbs, "03012387")
        time.sleep(0.05)
        seen: list[SwitchEvent] = []
        events = switches.listen(row).events()
        for _ in range(killed_after):
            event = next(events)
            if event is not None and not isinstance(event, Snapshot):
                seen.append(event)
        del events

        seen += Reader(row).until(HUNG_UP) if SimulatedLeg.objects.exists() else []
        once = [event for number, event in enumerate(seen) if event not in seen[:number]]
        assert once == story, killed_after
        assert not SimulatedLeg.objects.exists()
        assert not SimulatedHappening.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_verbs_that_race_leave_one_end_and_nothing_after_it(verbs: Verbs, row: Switch) -> None:
    """Four workers do everything to the same legs at once while the listener reads."""
    legs = [f"cb-{number}-customer-2" for number in range(40)]
    heard: dict[str, list[SwitchEvent]] = {leg: [] for leg in legs}
    over = threading.Event()

    def listen() -> None:
        for event in switches.listen(row).events():
            if event is not None and not isinstance(event, Snapshot):
                heard[event.leg].append(event)
            if event is None and over.is_set() and not SimulatedHappening.objects.exists():
                break
        connections.close_all()

    def work(number: int) -> None:
        chance = Random(number)
        for leg in legs:
            acts: list[Callable[[], None]] = [
                partial(verbs.dial_leg, leg, timeout=20),
                partial(verbs.play, leg, Sounds(1, ("Sounds/hello",))),
                partial(verbs.join, "b1", (leg,)),
                partial(verbs.hold, "b1", leg),
                partial(verbs.delete_leg, leg),
            ]
            verbs.create_leg(LegRequest(leg, "sim:kate?answer=0", detect=True))
            for _ in range(6):
                with contextlib.suppress(Rejected):
                    chance.choice(acts)()
        connections.close_all()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    reader = threading.Thread(target=listen)
    reader.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for leg in legs:
        verbs.delete_leg(leg)
    over.set()
    reader.join()

    # A leg may have been made anew after its end: then everything of the old one came before.
    for leg, events in heard.items():
        kinds = [type(event).__name__ for event in events]
        assert kinds[0] == "Created", leg
        assert kinds[-1] == "Ended", leg
        assert kinds.count("Ended") == kinds.count("Created"), (leg, kinds)
        for before, after in pairwise(kinds):
            assert (before == "Ended") == (after == "Created"), (leg, kinds)
    assert not SimulatedLeg.objects.exists()


def test_two_switches_do_not_see_each_other(verbs: Verbs, reader: Reader) -> None:
    other = Switch.objects.create(name="Other")
    ring(switches.connect(other), "5115", leg=KATE)
    with pytest.raises(Rejected):
        verbs.dial_leg(KATE, timeout=20)
    verbs.delete_leg(KATE)

    assert reader.quiet() == []
    assert reader.snapshot().legs == ()


def test_a_closed_listener_ends(row: Switch) -> None:
    listener = switches.listen(row)
    events = listener.events()
    next(events)
    assert listener.connected
    listener.close()
    assert list(events) in ([], [None])
    assert listener.connected is False


def test_each_verb_is_one_statement(verbs: Verbs, reader: Reader, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        verbs.create_leg(LegRequest(LEG, "5115"))
    with django_assert_num_queries(2):
        verbs.dial_leg(LEG, timeout=20)
    reader.until(Answered(LEG))
    acts: list[Callable[[], None]] = [
        lambda: verbs.play(LEG, Sounds(1, ("Sounds/hello",))),
        lambda: verbs.stop(LEG, 1),
        lambda: verbs.join("b1", (LEG,)),
        lambda: verbs.hold("b1", LEG),
        lambda: verbs.close_bridge("b1"),
        lambda: verbs.delete_leg(LEG),
    ]
    for act in acts:
        with django_assert_num_queries(1):
            act()
