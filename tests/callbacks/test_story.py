"""What one callback's page tells: total over all stages and reasons, and readable however long the waits are."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from callbacks.flow.decision import DialResult
from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Session, Stage
from callbacks.flow.states import Reason, State
from callbacks.models import Attempt, Callback, JournalEntry
from callbacks.story import lines as journal_lines
from callbacks.story import options
from callbacks.story.answer import BAD, GOOD, WAITS, Answer, Facts, answer
from callbacks.story.heard import heard
from callbacks.story.lines import Show
from callbacks.story.picture import draw
from callbacks.story.scale import Scale
from callbacks.story.stretches import KINDS, stretches
from services.catalogue import CALLBACK_OPTIONS
from tests.factories import NOON

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
ADA = "916504661232"


def entry(at: datetime, stage: Stage, kind: str = "x", text: str = "", **fields: object) -> JournalEntry:
    return JournalEntry(
        at=at, stage=stage, kind=kind, text=text, **{"cause": "TimerFired", "actor": "system", **fields}
    )


def attempt(result: str = "", *, party: str = "customer", number: int = 1, **times: datetime) -> Attempt:
    return Attempt(party=party, number=number, result=result, **{"began_at": NOON, **times})


def asked(
    stage: Stage, reason: str = "", *, said: str = "", attempts: list[Attempt] | None = None, **session: object
) -> Answer:
    callback = Callback(
        stage=stage,
        reason=reason,
        state=State.COMPLETED if stage is Stage.ENDED else State.QUEUED,
        agent="kate",
        options={"max_dial_attempts": 3},
        start_base=NOON,
    )
    journal = [entry(NOON, stage, kind="ended", text=said, actor="sam")] if said else []
    facts = Facts(callback, Session(number=ADA, desired_at=NOON, **session), journal, attempts or [])  # type: ignore[arg-type]
    return answer(facts)


# Why was this customer (not) called?


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.ENDED])
def test_every_stage_has_an_answer(stage: Stage) -> None:
    said = asked(stage)
    assert said.text.endswith(".")
    assert said.tone in {WAITS, GOOD, BAD}
    assert "%(" not in said.text + said.then


@pytest.mark.parametrize("reason", list(Reason))
@pytest.mark.parametrize("was_answered", [False, True])
def test_every_reason_has_an_answer(reason: Reason, was_answered: bool) -> None:
    attempts = [attempt(DialResult.PERSON, answered_at=NOON)] if was_answered else []
    said = asked(Stage.ENDED, reason, attempts=attempts)
    assert said.text.endswith(".")
    assert said.tone == (GOOD if reason in {Reason.AGENT_CONNECTED, Reason.CANCELLED_SERVED} else BAD)
    assert "%(" not in said.text


def test_an_office_that_is_closed_is_the_answer_with_the_next_try() -> None:
    held = "the office is closed (Sat 2026-02-28 20:00 in Europe/Berlin)"
    said = asked(Stage.RETRYING, held_back=held, deadline=NOON)
    assert said == Answer(f"Not called yet: {held}.", WAITS, "The next try is", NOON)


def test_attempts_are_counted_with_what_became_of_them() -> None:
    tried = [attempt(DialResult.BUSY), attempt(DialResult.NO_ANSWER), attempt(DialResult.ANSWERING_MACHINE)]
    # An agent's phone is no attempt at the customer.
    agents = [attempt(DialResult.NO_ANSWER, party="agent")]
    said = asked(Stage.ENDED, Reason.FAIL_CALL_TO_CUSTOMER, attempts=[*agents, *tried])
    assert said.text == "Not reached: 3 of 3 attempts: busy, no answer, answering machine."
    going_on = asked(Stage.RETRYING, attempts=tried[:1], deadline=NOON)
    assert going_on == Answer("Not reached yet: 1 of 3 attempts: busy.", WAITS, "The next attempt is", NOON)


def test_what_the_journal_says_of_the_end_is_said_in_its_words() -> None:
    said = asked(Stage.ENDED, Reason.FAIL_NUMBER_BLOCKED, said="Not dialled: the number is on the block list: fraud.")
    assert said.text == "Not called: the number is on the block list: fraud."
    assert asked(Stage.ENDED, Reason.CANCELLED, said="Cancelled by sam.").text == (
        "Not called: it was cancelled by sam before."
    )


def test_who_cancelled_it_is_not_who_wrote_a_note_afterwards() -> None:
    callback = Callback(stage=Stage.ENDED, state=State.COMPLETED, reason=Reason.CANCELLED)
    journal = [
        entry(NOON, Stage.ENDED, kind="ended", text="Cancelled by sam.", actor="sam"),
        entry(NOON + SECOND, Stage.ENDED, kind="note", text="They called us.", actor="sue"),
        entry(NOON + 2 * SECOND, Stage.ENDED, kind="dropped", text="Came too late."),
    ]
    said = answer(Facts(callback, Session(number=ADA, desired_at=NOON), journal, []))
    assert said.text == "Not called: it was cancelled by sam before."


# The picture


def test_forty_seconds_can_be_read_beside_a_night() -> None:
    night, rings, talks = NOON + 20 * HOUR, NOON + 20 * HOUR + 10 * SECOND, NOON + 20 * HOUR + 40 * SECOND
    scale = Scale([NOON, night, rings, talks])
    assert scale.x(NOON) == 0
    assert scale.x(talks) == 100
    # The night takes half at most, and says that it is cut; what lasted 10 and 30 seconds has its room.
    assert 40 < scale.x(night) < 50
    assert 10 < scale.x(rings) - scale.x(night) < 20
    assert [round(each.seconds) for each in scale.breaks] == [20 * 3600]


def test_short_things_are_drawn_to_scale_and_the_shortest_can_be_seen() -> None:
    moments = [NOON, NOON + 10 * SECOND, NOON + 20 * SECOND, NOON + 30 * SECOND, NOON + 40 * SECOND]
    scale = Scale(moments)
    assert [scale.x(at) for at in moments] == [0, 25, 50, 75, 100]
    assert scale.breaks == []
    blink = NOON + timedelta(milliseconds=1)
    assert Scale([NOON, blink, *moments[1:]]).x(blink) > 1


def test_a_moment_between_two_lies_between_them() -> None:
    scale = Scale([NOON, NOON + HOUR])
    assert scale.x(NOON + HOUR / 2) == 50
    assert (scale.x(NOON - HOUR), scale.x(NOON + 2 * HOUR)) == (0, 100)


def test_stages_follow_each_other_and_calls_are_lanes() -> None:
    journal = [
        entry(NOON, Stage.HELD),
        entry(NOON + SECOND, Stage.DIALLING),
        entry(NOON + 2 * SECOND, Stage.RINGING),
        # A line about something else is no other stage.
        entry(NOON + 3 * SECOND, Stage.RINGING),
        entry(NOON + 9 * SECOND, Stage.ENDED, kind="ended"),
    ]
    found = stretches(journal, stage=Stage.ENDED)
    assert [(each.number, each.stage, each.seconds) for each in found] == [
        (1, Stage.HELD, 1.0),
        (2, Stage.DIALLING, 1.0),
        (3, Stage.RINGING, 7.0),
    ]
    busy = attempt(DialResult.BUSY, dialled_at=NOON + 2 * SECOND, ended_at=NOON + 9 * SECOND)
    picture = draw(found, [busy], desired_at=NOON, now=None)
    assert picture is not None
    assert [mark.kind for mark in picture.marks] == ["desired"]
    (lane,) = picture.lanes
    assert ([bar.kind for bar in lane.bars], lane.reached, lane.end) == (["prepared", "rings"], False, 100)
    assert sum(band.width for band in picture.bands) == pytest.approx(100, abs=0.1)


def test_while_it_goes_on_there_is_a_now_and_a_last_stage_without_end() -> None:
    found = stretches([entry(NOON, Stage.SCHEDULED)], stage=Stage.SCHEDULED)
    picture = draw(found, [], desired_at=NOON + 20 * HOUR, now=NOON + HOUR)
    assert picture is not None
    assert found[-1].end is None
    assert [mark.kind for mark in picture.marks] == ["desired", "now"]
    # A picture of hours stands still between two seconds.
    assert draw(found, [], desired_at=NOON + 20 * HOUR, now=NOON + HOUR + 2 * SECOND) == picture


def test_there_is_nothing_to_draw_without_a_journal() -> None:
    assert draw(stretches([], stage=Stage.SCHEDULED), [], desired_at=NOON, now=NOON) is None


def test_every_stage_has_a_kind() -> None:
    assert KINDS.keys() == {*Stage}


# What the customer heard


def test_each_sound_ends_where_the_next_begins_and_says_how() -> None:
    journal = [
        entry(NOON, Stage.GREETING, "greeting", data={"hears": "hello.wav"}),
        entry(NOON + 6 * SECOND, Stage.WAITING, "waiting", data={"hears": "music.wav"}, cause="LegSoundsFinished"),
        # Between two agents it plays on.
        entry(NOON + 20 * SECOND, Stage.CONNECTING, "reserved"),
        entry(NOON + 30 * SECOND, Stage.WAITING, "waiting", data={"hears": "music.wav"}),
        entry(NOON + 40 * SECOND, Stage.JOINING, "joining", cause="LegAnswered"),
        entry(NOON + 41 * SECOND, Stage.TALKING, "connected", data={"agent": "kate"}),
        entry(NOON + 99 * SECOND, Stage.ENDED, "hung-up"),
    ]
    greeting, music, talk = heard(journal)
    assert (greeting.file, greeting.seconds, greeting.by_itself) == ("hello.wav", 6.0, True)
    assert (music.file, music.seconds, music.by_itself) == ("music.wav", 34.0, False)
    assert (talk.file, talk.agent, talk.seconds) == ("", "kate", 58.0)


def test_a_sound_that_could_not_be_played_is_said_to_have_failed() -> None:
    journal = [
        entry(NOON, Stage.GREETING, "greeting", data={"hears": "gone.wav"}),
        entry(NOON + SECOND, Stage.GREETING, "not-heard", cause="LegSoundsFinished"),
        entry(NOON + SECOND, Stage.WAITING, "waiting", data={"hears": "music.wav"}, cause="LegSoundsFinished"),
    ]
    gone, music = heard(journal)
    assert (gone.failed, gone.by_itself) == (True, False)
    assert (music.failed, music.end) == (False, None)


def test_a_machine_that_hears_a_message_is_no_customer() -> None:
    (message,) = heard(
        [entry(NOON, Stage.MESSAGE, "message", data={"hears": "SampleTreatments/call_fail_ans_machine.wav"})]
    )
    assert message.by_machine
    assert message.text.startswith("Hello. We tried to reach you")


# The list


def test_what_was_not_done_is_found_in_a_long_journal() -> None:
    journal = [
        entry(NOON, Stage.HELD, "started"),
        entry(NOON, Stage.RETRYING, "put-off", "Not dialled: the office is closed."),
        entry(NOON, Stage.RETRYING, "refused", actor="sam"),
        entry(NOON, Stage.ENDED, "ended", "Not dialled: the number is on the block list."),
    ]
    not_done = journal_lines.lines(journal, Show.NOT_DONE)
    assert [line.entry.kind for line in not_done] == ["put-off", "refused", "ended"]
    assert all(line.suppressed for line in not_done)
    assert journal_lines.counted(journal)[Show.PEOPLE] == 1
    assert journal_lines.counted(journal)[Show.ALL] == 4


def test_each_question_to_a_device_has_its_outcome() -> None:
    journal = [
        entry(NOON, Stage.CONFIRMING, "asked", "asked, 1 of 3 times"),
        entry(NOON + SECOND, Stage.HELD, "not-confirmed", "could not be told", cause="PushSettled"),
        entry(NOON + HOUR, Stage.CONFIRMING, "asked", "asked, 2 of 3 times"),
    ]
    first, second = journal_lines.pushes(journal)
    assert (first.outcome, first.settled_at) == ("could not be told", NOON + SECOND)
    assert (second.outcome, second.settled_at) == ("", None)


# The options


def test_every_field_is_named_after_its_option() -> None:
    made = {"notification", "reports"}
    names = {options.option_name(field) for field in FlowOptions.__dataclass_fields__ if field not in made}
    assert names <= {option.name for option in CALLBACK_OPTIONS}


@pytest.mark.parametrize("kind", ["note", "prioritised", "assigned"])
def test_what_supervisors_do_meanwhile_does_not_end_what_is_heard(kind: str) -> None:
    journal = [
        entry(NOON, Stage.GREETING, "greeting", data={"hears": "hello.wav"}),
        entry(NOON + SECOND, Stage.GREETING, kind, actor="sue"),
        entry(NOON + 9 * SECOND, Stage.WAITING, "waiting", cause="LegSoundsFinished", data={"hears": ""}),
    ]
    (greeting,) = heard(journal)
    assert (greeting.seconds, greeting.by_itself) == (9, True)
