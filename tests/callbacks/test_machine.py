"""The machine alone: whatever happens in whatever order, what it decides keeps the rules. No database, no clock."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callbacks.audit import checks
from callbacks.flow import events, machine, projections
from callbacks.flow.decision import AttemptChange, Decision, RefuseArrived, ReleaseAgent, TakeArrived
from callbacks.flow.events import (
    Assigned,
    CalledNow,
    Cancelled,
    Changed,
    Connected,
    Disposed,
    Event,
    Expired,
    HoldChanged,
    HungUp,
    Noted,
    NumberChanged,
    Paused,
    PreviewAccepted,
    PreviewRejected,
    Prioritised,
    PushSettled,
    Recreated,
    Rescheduled,
    Resumed,
    SetAside,
    Snoozed,
    StartDue,
    Started,
    TimerFired,
)
from callbacks.flow.options import FlowOptions, Treatment
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import MOVES, Reason, State
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
    ReservationExpired,
    TargetSwitched,
    TrunkUnavailable,
)
from telephony.switch import EndCause, Verdict
from telephony.upwards import Choice
from telephony.wanted import NOTHING

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OPTIONS = FlowOptions(
    media_type="voice",
    call_direction="USERTERMINATED",
    wait_for_agent=False,
    first_connect_party="CUSTOMER",
    target="Billing@StatServer.GA",
    virtual_queue="Billing_VQ",
    route_point="8999@SIP_Switch",
    prefix_dial_out="91",
    calling_party_number="",
    calling_party_display_name="",
    ixn_createcall_timeout=32,
    cpd_enable=True,
    call_timeguard=15.0,
    cpd_unsure="human",
    max_dial_attempts=3,
    dial_retry_timeout=300,
    max_transfer_to_agent_attempts=2,
    max_time_to_wait_for_agent=3600,
    agent_reserve_timeout=30,
    urs_queued_ttl=14400,
    retain_session=False,
    max_time_to_wait_for_ixn_delete=3600,
    wrap_up_time=10,
    request_execution_time_buffer=120,
    desired_connect_time_threshold=180,
    ttl=86400,
    treatment_customer_connect=Treatment("hello.wav"),
    treatment_waiting_for_agent=Treatment("music.wav"),
    treatment_find_agent_fail=Treatment("sorry.wav"),
    treatment_answering_machine=Treatment("message.wav", after_beep=True),
)
BOB = Session(number="916504661232", desired_at=NOON)


class Story:
    """Feeds events to the machine one after the other, a second apart, and keeps what it decided."""

    def __init__(self, options: FlowOptions = OPTIONS, session: Session = BOB, now: datetime = NOON) -> None:
        self.options, self.session, self.now = options, session, now
        self.decisions: list[Decision] = []

    def tell(self, *told: Event) -> Story:
        for event in told:
            decision = machine.decide(self.session, self.options, event, self.now)
            self.decisions.append(decision)
            self.session = decision.session
            self.now += timedelta(seconds=1)
        return self

    @property
    def hears(self) -> str | None:
        customer = projections.wanted_call(self.session, self.options).customer
        return customer.hears.files[0] if customer and customer.hears else None

    def released(self) -> list[ReleaseAgent]:
        return [move for d in self.decisions for move in d.agents if isinstance(move, ReleaseAgent)]


def dialled(attempt: int = 1) -> tuple[Event, ...]:
    return LegDialling(Party.CUSTOMER, attempt), LegAnswered(Party.CUSTOMER, attempt)


def waiting(options: FlowOptions = OPTIONS) -> Story:
    human = LegProgress(Party.CUSTOMER, 1, Verdict.HUMAN)
    story = Story(replace(options, treatment_customer_connect=Treatment("")))
    return story.tell(Started("test"), *dialled(), human)


def connecting() -> Story:
    story = waiting()
    return story.tell(AgentReserved("kate", "r1", story.session.visit))


def test_the_customer_hears_each_thing_in_its_time() -> None:
    story = Story().tell(Started("test"))
    heard = [story.hears]
    for event in (
        *dialled(),
        LegProgress(Party.CUSTOMER, 1, Verdict.HUMAN),
        LegSoundsFinished(Party.CUSTOMER, 1, 1),
    ):
        story.tell(event)
        heard.append(story.hears)
    story.tell(AgentReserved("kate", "r1", story.session.visit))
    heard.append(story.hears)
    story.tell(LegAnswered(Party.AGENT, 1))
    heard.append(story.hears)
    assert heard == [None, None, None, "hello.wav", "music.wav", "music.wav", None]


def test_the_prefix_is_dialled_before_the_number() -> None:
    story = Story().tell(Started("test"))
    customer = projections.wanted_call(story.session, OPTIONS).customer
    assert customer is not None
    assert customer.number == "91916504661232"


def test_music_plays_on_between_two_agents() -> None:
    story = connecting()
    before = projections.wanted_call(story.session, story.options).customer
    story.tell(LegEnded(Party.AGENT, 1, EndCause.NO_ANSWER, rang=True))
    assert story.session.stage is Stage.WAITING
    assert projections.wanted_call(story.session, story.options).customer == before
    assert story.released() == [ReleaseAgent("r1", not_ready_reason="no answer")]


def test_a_waiting_treatment_that_cannot_be_played_gives_way_to_the_sample_once() -> None:
    story = waiting()
    story.tell(LegSoundsFinished(Party.CUSTOMER, 1, story.session.sounds, failed=True))
    assert story.hears == "SampleTreatments/next_customer_rep.wav"
    heard = story.session.sounds
    story.tell(LegSoundsFinished(Party.CUSTOMER, 1, heard, failed=True))
    assert (story.session.stage, story.session.sounds) == (Stage.WAITING, heard)


def test_a_reservation_for_an_earlier_visit_is_given_back() -> None:
    story = connecting()
    story.tell(AgentReserved("omar", "r2", story.session.visit - 1))
    assert story.session.reservation == "r1"
    assert story.released() == [ReleaseAgent("r2")]


def test_a_timer_for_an_earlier_visit_changes_nothing() -> None:
    story = Story().tell(Started("test"), *dialled())
    before = story.session
    story.tell(TimerFired("stage", before.visit - 1))
    assert story.session == before
    assert [note.kind for note in story.decisions[-1].notes] == ["dropped"]


@pytest.mark.parametrize("stage", [Stage.SCHEDULED, Stage.RINGING, Stage.WAITING, Stage.CONNECTING, Stage.JOINING])
def test_set_aside_ends_in_error_and_gives_the_agent_back(stage: Stage) -> None:
    session = replace(BOB, stage=stage, attempt=1, agent_attempt=1, reservation="r1", queued_at=NOON)
    story = Story(session=session).tell(SetAside("boom"))
    assert (story.session.stage, story.session.reason) == (Stage.ENDED, Reason.FAIL_ERROR)
    assert story.released() == [ReleaseAgent("r1")]


def test_an_error_after_the_talk_does_not_undo_it() -> None:
    story = connecting()
    story.options = replace(story.options, enable_disposition_dialog=True)
    story.tell(LegAnswered(Party.AGENT, 1), LegsJoined(1), LegEnded(Party.CUSTOMER, 1, EndCause.HANGUP))
    assert story.session.stage is Stage.DISPOSITION
    story.tell(SetAside("boom"))
    assert (story.session.stage, story.session.reason) == (Stage.ENDED, Reason.AGENT_CONNECTED)


def test_a_joined_call_is_never_cut_by_an_error() -> None:
    story = connecting().tell(LegAnswered(Party.AGENT, 1), LegsJoined(1))
    joined = projections.wanted_call(story.session, OPTIONS)
    assert joined.joined
    story.tell(SetAside("boom"), Expired(), Cancelled("customer"))
    assert projections.wanted_call(story.session, OPTIONS) == joined
    assert story.decisions[-1].refused == "Callback is COMPLETED and cannot be cancelled"


def test_an_early_start_does_not_eat_into_the_time_in_the_queue() -> None:
    later = NOON + timedelta(hours=2)
    session = replace(BOB, stage=Stage.RETRYING, queued_at=NOON, desired_at=later, deadline=NOON)
    due = projections.timers(session, OPTIONS)["queue_ttl"]
    assert due == later - timedelta(seconds=180) + timedelta(seconds=14400)


def test_every_stage_has_a_handler_and_a_public_state() -> None:
    assert set(machine.STAGES) == set(Stage)
    assert set(projections.STATES) == set(Stage)


PARTIES = st.sampled_from(Party)
ATTEMPTS = st.integers(0, 4)
RESERVATIONS = st.builds("r{}".format, st.integers(0, 9999))
ANY_EVENT: st.SearchStrategy[Event] = st.one_of(
    st.builds(TimerFired, st.sampled_from(["stage", "queue_ttl", "agent_wait"]), st.integers(0, 25)),
    st.builds(StartDue, st.sampled_from([NOON, NOON + timedelta(hours=1)]), st.sampled_from([0.0, 60.0, 1800.0])),
    st.builds(
        Rescheduled, st.just("app"), st.builds(lambda m: NOON + timedelta(minutes=m), st.integers(0, 200)), st.none()
    ),
    st.builds(Changed, st.just("app"), st.just("Changed: x."), st.sampled_from(["", "no device"])),
    st.sampled_from([Connected("app"), Snoozed("app"), Paused(), Resumed()]),
    st.sampled_from(
        [CalledNow("sue"), NumberChanged("sue", "5115"), Noted("sue", "A note.", "f"), Recreated("sue", "2")]
    ),
    st.builds(Prioritised, st.just("sue"), st.integers(0, 9)),
    st.builds(Assigned, st.just("sue"), st.sampled_from(["kate", ""]), st.just(60)),
    st.builds(PreviewAccepted, st.just("kate"), RESERVATIONS),
    st.builds(PreviewRejected, st.just("kate"), RESERVATIONS),
    st.builds(HoldChanged, st.just("kate"), RESERVATIONS, st.booleans()),
    st.builds(HungUp, st.just("kate"), RESERVATIONS),
    st.builds(Disposed, st.just("kate"), st.sampled_from(Choice), st.just(NOON + timedelta(hours=3)), st.none()),
    st.builds(TargetSwitched, st.just("Sales@StatServer.GA"), st.just("Also looking for Sales.")),
    st.builds(PushSettled, st.integers(0, 25), st.booleans()),
    st.just(Cancelled("customer")),
    st.just(Expired()),
    st.just(SetAside("boom")),
    st.builds(LegDialling, PARTIES, ATTEMPTS),
    st.builds(LegAnswered, PARTIES, ATTEMPTS),
    st.builds(LegProgress, PARTIES, ATTEMPTS, st.sampled_from(Verdict)),
    st.builds(LegSoundsFinished, PARTIES, ATTEMPTS, st.integers(0, 6), failed=st.booleans()),
    st.builds(LegsJoined, ATTEMPTS),
    st.builds(LegEnded, PARTIES, ATTEMPTS, st.sampled_from(EndCause)),
    st.builds(DialRefused, PARTIES, ATTEMPTS, st.just("no")),
    st.builds(DialRefused, PARTIES, ATTEMPTS, st.just("closed"), st.just(NOON + timedelta(hours=20))),
    st.builds(DialRefused, PARTIES, ATTEMPTS, st.just("blocked"), st.none(), st.just(True)),
    st.builds(TrunkUnavailable, PARTIES, ATTEMPTS, st.just("down"), st.just(NOON + timedelta(hours=1))),
    st.builds(lambda n, visit: AgentReserved("kate", f"r{n}", visit), st.integers(0, 9999), st.integers(0, 25)),
    st.builds(DialGranted, st.integers(0, 25)),
    st.builds(lambda n: ReservationExpired("kate", f"r{n}"), st.integers(0, 9999)),
    st.builds(lambda n, sounds: CustomerArrived(f"call-{n}", sounds), st.integers(0, 9999), st.integers(0, 5)),
)
# What fits the present moment; without it random events would hardly ever get beyond the first stages.
FITTING = st.sampled_from(
    [
        "start",
        "answer",
        "human",
        "machine",
        "sounds",
        "reserve",
        "agent",
        "join",
        "end",
        "timer",
        "grant",
        "pushed",
        "yes",
        "calls us",
        "accept",
        "reject",
        "hold",
        "talk on",
        "hang up",
        "again",
        "later",
        "agent gone",
        "sent",
        "customer gone",
        "refused",
        "run out",
        "queue over",
        "pause",
        "resume",
    ]
)


def fitting(hint: str, session: Session) -> Event:
    customer, agent = (Party.CUSTOMER, session.attempt), (Party.AGENT, session.agent_attempt)
    fits: dict[str, Event] = {
        "start": StartDue(session.desired_at, 60.0),
        "pushed": PushSettled(session.visit, delivered=True),
        "yes": Connected("app"),
        "calls us": CustomerArrived(f"call-{session.visit}", 2),
        "answer": LegAnswered(*customer),
        "human": LegProgress(*customer, Verdict.HUMAN),
        "machine": LegProgress(*customer, Verdict.MACHINE),
        "sounds": LegSoundsFinished(*customer, session.sounds),
        "reserve": AgentReserved("kate", f"v{session.visit}", session.visit),
        "agent": LegAnswered(*agent),
        "join": LegsJoined(session.agent_attempt),
        "end": LegEnded(*agent, EndCause.NO_ANSWER),
        "timer": TimerFired("stage", session.visit),
        "grant": DialGranted(session.visit),
        "accept": PreviewAccepted("kate", session.reservation),
        "reject": PreviewRejected("kate", session.reservation),
        "hold": HoldChanged("kate", session.reservation, True),
        "talk on": HoldChanged("kate", session.reservation, False),
        "hang up": HungUp("kate", session.reservation),
        "again": Disposed("kate", Choice.CALL_NOW, NOON),
        "later": Disposed("kate", Choice.CALL_AT, NOON + timedelta(hours=30)),
        "agent gone": LegEnded(*agent, EndCause.HANGUP),
        "sent": LegDialling(*customer),
        "customer gone": LegEnded(*customer, EndCause.HANGUP),
        "refused": DialRefused(*customer, "closed", NOON + timedelta(hours=1)),
        "run out": ReservationExpired("kate", session.reservation),
        "queue over": TimerFired("queue_ttl", 0),
        "pause": Paused(),
        "resume": Resumed(),
    }
    return fits[hint]


@settings(max_examples=300, deadline=None)
@given(
    # Drawn apart: `one_of` would give what fits no more weight than any single kind of event.
    st.lists(st.sampled_from([FITTING, FITTING, ANY_EVENT]).flatmap(lambda kind: kind), min_size=12, max_size=40),
    st.sampled_from(["immediate", "delayed", "confirmed", "agent first", "preview", "calls us", "calls us later"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([timedelta(0), timedelta(hours=1)]),
)
def test_whatever_happens_the_rules_hold(
    told: list[Event | str], scenario: str, retained: bool, asks: bool, ahead: timedelta
) -> None:
    options = replace(
        OPTIONS,
        call_direction="USERORIGINATED" if scenario.startswith("calls us") else "USERTERMINATED",
        wait_for_agent=scenario not in {"immediate", "agent first", "calls us"},
        first_connect_party="AGENT" if scenario in {"agent first", "preview"} else "CUSTOMER",
        agent_preview=scenario == "preview",
        agent_preview_allow_reject=2,
        enable_disposition_dialog=asks,
        max_successful_customer_contacts=2,
        wait_for_user_confirm=scenario == "confirmed",
        retain_session=retained,
    )
    story = Story(options, replace(BOB, desired_at=NOON + ahead, unaskable="")).tell(Started("test"))
    said = story.decisions[-1].notes[-1]
    held: set[str] = {story.session.reservation} - {""}
    given_up: set[tuple[str, int]] = set()
    rung = assert_rings_are_accounted_for({}, BOB, story.decisions[-1])
    for item in told:
        before = story.session
        event = fitting(item, before) if isinstance(item, str) else item
        story.tell(event)
        after = story.session
        assert_legal_move(before, after)
        assert_something_will_wake_it(after, options)
        said = [said, *story.decisions[-1].notes][-1]
        state = projections.public_state(said.session)
        assert checks.tells(state, said.session.stage, after, projections.public_state(after)), "untold"
        held = assert_no_agent_is_forgotten(held, event, story.decisions[-1], after)
        assert_a_new_wish_has_a_new_number(before, after, options)
        given_up |= assert_no_attempt_comes_back(before, after, options, given_up)
        rung = assert_rings_are_accounted_for(rung, before, story.decisions[-1])
        assert_who_calls_is_taken_or_told(before, event, story.decisions[-1])
        if scenario.startswith("calls us"):
            assert after.stage not in {Stage.DIALLING, Stage.RINGING}, "who calls us is rung"
            assert after.connects <= options.userorig_connect_limit
        assert after.attempts_used <= options.max_dial_attempts
        if options.first_connect_party == "AGENT" and after.stage in {Stage.DIALLING, Stage.RINGING}:
            assert after.reservation, "the customer is called although no agent is on the line"
        assert SESSION.validate_python(SESSION.dump_python(after, mode="json")) == after
    if story.session.stage is Stage.ENDED:
        assert projections.wanted_call(story.session, options) == NOTHING
        assert projections.timers(story.session, options) == {}
        assert projections.queue_place(story.session, options) is None


def assert_legal_move(before: Session, after: Session) -> None:
    old, new = projections.public_state(before), projections.public_state(after)
    assert old == new or new in MOVES[old]
    assert (new is State.COMPLETED) == (after.reason is not None and after.stage in {Stage.ENDED, Stage.TALKING})
    if old is State.COMPLETED:
        assert after.reason == before.reason


def assert_something_will_wake_it(session: Session, options: FlowOptions) -> None:
    """Nothing rests for ever: a timer, the scan for starts, the queue, the switch or the end of a pause comes."""
    place = projections.queue_place(session, options)
    assert (
        session.stage in {Stage.ENDED, Stage.PAUSED}
        or projections.timers(session, options)
        or projections.start_base(session, options)
        or (place and place.wants)
        or not projections.wanted_call(session, options).empty
    )


def assert_no_agent_is_forgotten(held: set[str], event: Event, decision: Decision, after: Session) -> set[str]:
    if isinstance(event, AgentReserved):
        held = held | {event.reservation}
    moves = [move.reservation for move in decision.agents if isinstance(move, ReleaseAgent)]
    released = set(moves)
    assert len(moves) == len(released), "an agent is given back twice, and the second time without the reason"
    held = held - released
    assert held <= {after.reservation}, "a reservation is neither in use nor given back"
    return held


def assert_who_calls_is_taken_or_told(before: Session, event: Event, decision: Decision) -> None:
    """Nobody who called is left in silence: they become the customer's leg, or are told that they come too late."""
    if not isinstance(event, CustomerArrived):
        assert decision.arrivals == ()
    elif before.stage is Stage.EXPECTING:
        assert decision.arrivals == (TakeArrived(event.leg, before.attempt),)
    else:
        assert decision.arrivals == (RefuseArrived(event.leg),)


def assert_no_attempt_comes_back(
    before: Session, after: Session, options: FlowOptions, given_up: set[tuple[str, int]]
) -> set[tuple[str, int]]:
    old, new = legs(before, options), legs(after, options)
    assert not new & given_up, "an attempt that was given up is wanted again"
    return old - new


def assert_a_new_wish_has_a_new_number(before: Session, after: Session, options: FlowOptions) -> None:
    """Who acts on the switch knows an older wish by its number."""
    wishes = [projections.wanted_call(session, options) for session in (before, after)]
    places = [projections.queue_place(session, options) for session in (before, after)]
    assert wishes[0] == wishes[1] or after.visit > before.visit
    # What is wanted of the queue by nobody is offered to nobody.
    assert places[0] == places[1] or after.visit > before.visit or (places[1] and not places[1].wants)


def assert_rings_are_accounted_for(
    rung: dict[tuple[str, int], AttemptChange], before: Session, decision: Decision
) -> dict[tuple[str, int], AttemptChange]:
    """Before anybody is called again, the record says how the attempt before ended."""
    known = dict(rung)
    for change in decision.attempts:
        old = known.get((change.party, change.number), AttemptChange(change.party, change.number))
        told = {name: value for name, value in asdict(change).items() if value not in (None, "")}
        known[change.party, change.number] = replace(old, **told)
    after = decision.session
    for (party, number), attempt in known.items():
        current = after.attempt if party == Party.CUSTOMER else after.agent_attempt
        assert attempt.ended_at or number == current, f"attempt {number} at the {party} never ended"
        assert attempt.ended_at or after.stage is not Stage.RETRYING
    return known


def legs(session: Session, options: FlowOptions) -> set[tuple[str, int]]:
    wish = projections.wanted_call(session, options)
    both = (("customer", wish.customer), ("agent", wish.agent))
    return {(party, leg.attempt) for party, leg in both if leg is not None}


@given(ANY_EVENT)
def test_events_survive_their_storage(event: Event) -> None:
    assert events.load(events.dump(event)) == event


def test_every_event_can_be_stored() -> None:
    assert {kind.__name__ for kind in get_args(Event)} == set(events._ADAPTERS)
