"""The figures of a report, each in a table. Pure: what was counted goes in, in a period and in the one before.

docs/reports.md defines each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from math import isinf

from django.utils.translation import gettext as _

from callbacks.flow.decision import DialResult
from callbacks.reporting.counting import MOST_TRIES, NO_RESULT, Step, What
from callbacks.reporting.distribution import Bar, Distribution
from callbacks.reporting.periods import Days, week_of
from callbacks.reporting.reading import Counts, added
from callbacks.reporting.story import Handling
from callbacks.reporting.tables import Column, Kind, Table, Value, share
from callbacks.templatetags.callback_words import reason_words, result_words
from telephony.forms import CHOICES
from telephony.models import Prediction
from telephony.upwards import Choice

# Results of calls that somebody or something answered.
ANSWERED = (DialResult.PERSON, DialResult.ANSWERING_MACHINE, DialResult.FAX, DialResult.ERROR_TONE)
# Who is rung so near to the promised time, in seconds, is on time.
ON_TIME = 60
Before = Counts | None


def funnel(now: Counts, before: Before) -> Table:
    """How far requests came. Offered are those that were accepted and those that were refused."""
    offered = _offered(now)
    words = {
        Step.ACCEPTED: _("Accepted"),
        Step.STARTED: _("Started"),
        Step.RUNG: _("Rung"),
        Step.REACHED: _("Reached"),
        Step.CONNECTED: _("Connected"),
    }
    rows: list[tuple[Value, ...]] = [_compared(_("Offered"), offered, offered, _offered(before) if before else None)]
    for step, word in words.items():
        n = now.n(What.FUNNEL, step)
        rows.append(_compared(word, n, offered, before.n(What.FUNNEL, step) if before else None))
    return Table("funnel", _("How far callbacks came"), _columns(_("Step"), _("Of offered")), rows)


def refused(now: Counts, before: Before) -> Table:
    words = {
        "time": _("The time could not be promised"),
        "limit": _("Too many requests"),
        "number": _("The number may not be called"),
        "request": _("Something in the request was wrong"),
        "other": _("The service could not take it"),
    }
    return _counted(
        "refused", _("Refused requests"), _("Why"), What.REFUSED, now, before, lambda key: words.get(key, key)
    )


def outcomes(now: Counts, before: Before) -> Table:
    return _counted("outcomes", _("How callbacks ended"), _("Reason"), What.OUTCOME, now, before, reason_words)


def results(now: Counts, before: Before) -> Table:
    def words(result: str) -> str:
        return _("ended before there was a result") if result == NO_RESULT else result_words(result)

    return _counted("attempts", _("What calls to customers came to"), _("Result"), What.RESULT, now, before, words)


def tries(now: Counts, before: Before) -> Table:
    def words(number: str) -> str:
        return _("%(n)s or more") % {"n": number} if int(number) == MOST_TRIES else number

    table = _counted("tries", _("How often customers were rung"), _("Calls"), What.TRIES, now, before, words)
    order = {words(key): int(key) for key in now.of(What.TRIES) | (before.of(What.TRIES) if before else {})}
    return Table(table.name, table.title, table.columns, sorted(table.rows, key=lambda row: order[str(row[0])]))


def said(now: Counts, before: Before) -> Table:
    def words(choice: str) -> str:
        return str(CHOICES[Choice(choice)]) if choice in set(Choice) else choice

    return _counted("said", _("What agents said of their talks"), _("Disposition"), What.SAID, now, before, words)


def course(by: str, days: Days, now: Mapping[date, Counts], before: tuple[Days, Mapping[date, Counts]] | None) -> Table:
    """Day by day, or week by week (`by`), each beside the one that stands at its place in the period before."""
    steps = _steps(by, days, now)
    earlier = _steps(by, before[0], before[1]) if before else []
    rows = []
    for place, (start, counts) in enumerate(steps):
        then = earlier[place][1] if place < len(earlier) else None
        rows.append(_course_row(start, counts, then))
    title = _("Day by day") if by == "day" else _("Week by week")
    return Table("course", title, _course_columns(_("Day") if by == "day" else _("Week from")), rows)


def services(now: Mapping[str, Counts], before: Mapping[str, Counts] | None) -> Table:
    rows = [
        _course_row(name, counts, None if before is None else before.get(name, Counts()))
        for name, counts in sorted(now.items(), key=lambda one: (-_offered(one[1]), one[0]))
    ]
    return Table("course", _("Service by service"), _course_columns(_("Service")), rows)


def _steps(by: str, days: Days, counts: Mapping[date, Counts]) -> list[tuple[date, Counts]]:
    """Every day or week of a period, also those of which there is nothing; a week that is cut off is told as it is."""
    starts = list(days)
    if by == "day":
        return [(day, counts.get(day, Counts())) for day in starts]
    weeks: dict[date, list[Counts]] = {}
    for day in starts:
        weeks.setdefault(week_of(day), []).append(counts.get(day, Counts()))
    return [(week, added(each)) for week, each in weeks.items()]


def _course_columns(first: str) -> tuple[Column, ...]:
    return (
        Column(first, Kind.TEXT),
        Column(_("Offered"), Kind.COUNT),
        Column(_("Accepted"), Kind.COUNT),
        Column(_("Rung"), Kind.COUNT),
        Column(_("Reached"), Kind.COUNT),
        Column(_("Connected"), Kind.COUNT),
        Column(_("Connected of accepted"), Kind.SHARE),
        Column(_("Accepted before"), Kind.COUNT),
        Column(_("Connected before"), Kind.COUNT),
    )


def _course_row(name: Value, counts: Counts, before: Before) -> tuple[Value, ...]:
    accepted, rung, reached, connected = (
        counts.n(What.FUNNEL, step) for step in (Step.ACCEPTED, Step.RUNG, Step.REACHED, Step.CONNECTED)
    )
    then = (before.n(What.FUNNEL, Step.ACCEPTED), before.n(What.FUNNEL, Step.CONNECTED)) if before else (None, None)
    return (name, _offered(counts), accepted, rung, reached, connected, share(connected, accepted), *then)


def _offered(counts: Counts) -> int:
    return counts.n(What.FUNNEL, Step.ACCEPTED) + counts.all(What.REFUSED)


def _columns(first: str, of: str) -> tuple[Column, ...]:
    return (
        Column(first, Kind.TEXT),
        Column(_("Number"), Kind.COUNT),
        Column(of, Kind.SHARE),
        Column(_("Before"), Kind.COUNT),
        Column(_("Change"), Kind.CHANGE),
    )


def _compared(word: str, n: int, of: int, before: int | None) -> tuple[Value, ...]:
    return (word, n, share(n, of), before, None if before is None else n - before)


def _counted(
    name: str, title: str, first: str, what: What, now: Counts, before: Before, words: Callable[[str], str]
) -> Table:
    """By key, the most frequent first; what there was only before stands last."""
    counted, of = now.of(what), now.all(what)
    then = before.of(what) if before else {}
    rows = [
        _compared(words(key), counted.get(key, 0), of, then.get(key, 0) if before else None)
        for key in counted | {key: 0 for key in then if key not in counted}
    ]
    return Table(name, title, _columns(first, _("Share")), rows)


def promises(now: Counts, before: Before) -> Table:
    """Actual less promised time: positive is late."""
    columns = (
        Column(_("What"), Kind.TEXT),
        Column(_("Callbacks"), Kind.COUNT),
        Column(_("On average"), Kind.SIGNED),
        Column(_("Half by"), Kind.SIGNED),
        Column(_("Nine of ten by"), Kind.SIGNED),
        Column(_("Early"), Kind.SHARE),
        Column(_("On time"), Kind.SHARE),
        Column(_("Late"), Kind.SHARE),
        Column(_("On average before"), Kind.SIGNED),
        Column(_("Nine of ten before"), Kind.SIGNED),
    )
    rows = []
    for what, word in (
        (What.RING_LATE, _("The phone rings")),
        (What.AGENT_LATE, _("An agent is on the line")),
    ):
        each = now.distribution(what)
        then = before.distribution(what) if before else Distribution()
        early, on_time = each.within(float("-inf"), -ON_TIME), each.within(-ON_TIME, ON_TIME)
        late = each.n - early - on_time
        shares = (share(early, each.n), share(on_time, each.n), share(late, each.n))
        half, nine = each.percentile(0.5), each.percentile(0.9)
        rows.append((word, each.n, each.mean, half, nine, *shares, then.mean, then.percentile(0.9)))
    return Table("promises", _("Promised against actual"), columns, rows)


def waits(now: Counts, before: Before) -> Table:
    columns = (
        Column(_("What"), Kind.TEXT),
        Column(_("Callbacks"), Kind.COUNT),
        Column(_("On average"), Kind.SECONDS),
        Column(_("Half wait at most"), Kind.SECONDS),
        Column(_("Nine of ten wait at most"), Kind.SECONDS),
        Column(_("On average before"), Kind.SECONDS),
    )
    rows = []
    for what, word in (
        (What.OFFLINE, _("In the queue, before the phone rings")),
        (What.HOLD, _("On the line, before an agent is there")),
    ):
        each = now.distribution(what)
        then = before.distribution(what) if before else Distribution()
        rows.append((word, each.n, each.mean, each.percentile(0.5), each.percentile(0.9), then.mean))
    return Table("waits", _("How long customers waited"), columns, rows)


def estimates(now: Counts, before: Before) -> Table:
    """Predicted less real wait: positive is told too long."""
    columns = (
        Column(_("What"), Kind.TEXT),
        Column(_("Judged"), Kind.COUNT),
        Column(_("On average"), Kind.SIGNED),
        Column(_("Mean error"), Kind.SECONDS),
        Column(_("Nine of ten wrong by at most"), Kind.SECONDS),
        Column(_("Within p90"), Kind.SHARE),
        Column(_("Left"), Kind.COUNT),
        Column(_("Put off"), Kind.COUNT),
    )
    rows = []
    for word, counts in ((_("Now"), now), (_("Before"), before)):
        if counts is None:
            continue
        each = counts.distribution(What.EWT)
        within = share(counts.n(What.P90, "within"), counts.all(What.P90))
        left, put_off = (counts.n(What.WAIT, Prediction.Outcome[name]) for name in ("LEFT", "PUT_OFF"))
        error = each.absolute
        rows.append((word, each.n, each.mean, error.mean, error.percentile(0.9), within, left, put_off))
    return Table("estimates", _("How right estimated waits were"), columns, rows)


def agents(now: Mapping[str, Handling], before: Mapping[str, Handling] | None) -> Table:
    columns = (
        Column(_("Agent"), Kind.TEXT),
        Column(_("Offered"), Kind.COUNT),
        Column(_("Connected"), Kind.COUNT),
        Column(_("Not answered"), Kind.COUNT),
        Column(_("Customer gone first"), Kind.COUNT),
        Column(_("Refused"), Kind.COUNT),
        Column(_("Said what came of it"), Kind.COUNT),
        Column(_("Ringing on average"), Kind.SECONDS),
        Column(_("Talk on average"), Kind.SECONDS),
        Column(_("Talk in all"), Kind.SECONDS),
        Column(_("Connected before"), Kind.COUNT),
    )
    rows = []
    for name, each in sorted(now.items(), key=lambda one: (-one[1].connected, one[0])):
        done = (each.offered, each.connected, each.unanswered, each.lost, each.rejected, each.disposed)
        rang, talked = mean(each.ring_seconds, each.connected), mean(each.talk_seconds, each.connected)
        then = before.get(name, Handling()).connected if before is not None else None
        rows.append((name, *done, rang, talked, each.talk_seconds, then))
    return Table("agents", _("What agents did"), columns, rows)


def load(what: What, counts: Counts) -> Table:
    """By hour of the week: a row an hour of the day, a column a day of the week."""
    names = {What.REQUESTED: "requests", What.RUNG: "calls"}
    titles = {What.REQUESTED: _("When requests came"), What.RUNG: _("When customers were rung")}
    weekdays = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
    columns = (Column(_("Hour"), Kind.TEXT), *(Column(day, Kind.COUNT) for day in weekdays))
    rows: list[tuple[Value, ...]] = [
        (f"{hour:02d}:00", *(counts.n(what, f"{day * 24 + hour:03d}") for day in range(len(weekdays))))
        for hour in range(24)
    ]
    return Table(names[what], titles[what], columns, rows)


def detection(now: Counts, before: Before) -> Table:
    """Who answered, by detection; and the talks of which an agent said that it was a machine all the same."""
    rows = []
    answered = sum(now.n(What.RESULT, result) for result in ANSWERED)
    for result in ANSWERED:
        n, then = now.n(What.RESULT, result), before.n(What.RESULT, result) if before else None
        rows.append(_compared(result_words(result), n, answered, then))
    wrong = now.n(What.SAID, Choice.MACHINE)
    then = before.n(What.SAID, Choice.MACHINE) if before else None
    rows.append(_compared(_("taken for a person, a machine as the agent says"), wrong, answered, then))
    return Table("detection", _("Answering machines"), _columns(_("Who answered"), _("Of answered")), rows)


def edges(bars: Sequence[Bar]) -> list[tuple[str, int]]:
    """Of each interval where it begins, in words, and how many lie in it; the first has no begin."""
    return [("" if isinf(bar.low) else _short(bar.low), bar.n) for bar in bars]


def _short(seconds: float) -> str:
    """Seconds below two minutes, minutes above."""
    whole = abs(round(seconds))
    sign = "\N{MINUS SIGN}" if seconds < 0 else ""
    return f"{sign}{whole} s" if whole < 120 else f"{sign}{whole // 60} min"


def mean(seconds: float, n: int) -> float | None:
    return seconds / n if n else None
