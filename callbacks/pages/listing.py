"""The callbacks of a view, page by page, and how many there are: no slower because more are stored.

Each index of the list (`Callback.Meta`) holds one column with the desired time behind it, and includes the others by
which can be filtered. So one index at a time is read, within the time range and in order, and a row is fetched only to
be shown (docs/adr/0035-list.md). Which one:

1. What a request said (its number, its user data) finds few: all of those are looked at.
2. Else what is filtered by chooses the index, which gives the order of the desired time.
3. The order of another column: sorted, where few match. Where many do, by the column's own index, value by value, of
   which each page needs only the next few. But what is filtered by may seldom be with the first values. Where the page
   is not soon full, the index of 2 is read whole, unless it is too much, and says which values the page needs.

What no index includes (a part of a number, user data that many have) is looked for in so many rows; the page says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from callbacks.flow.states import Reason, State
from callbacks.models import Callback
from callbacks.pages.view import KEY, View, meant
from services import people

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User

PAGE_SIZE = 250
MOST_COUNTED = 10_000
# So many entries of an index are looked at for a page or a count.
MOST_READ = 250_000
# So many rows are fetched for what no index includes.
MOST_FETCHED = 5_000
# Of the first value of a column so many entries are looked at for a page that it fills by itself.
MOST_TRIED = 10_000
# Values of a column whose callbacks are read in one go.
CHUNK = 16
# Of so many services each is read by itself, before the index of another column is; and at all.
FEW_SERVICES = 4
MANY_SERVICES = 200

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What a row shows, and what its columns of request keys do.
_SHOWN = ("state", "stage", "reason", "service_name", "queue", "agent", "customer_number")
_TIMES = {"desired": "desired_at", "created": "created_at", "completed": "completed_at"}
_SAID = ("user_data", "properties", "overrides")


@dataclass(frozen=True)
class Found:
    """How many: `is_more` where there are more, or may be; `is_partial` where not every callback was looked at."""

    number: int
    is_more: bool = False
    is_partial: bool = False


@dataclass(frozen=True)
class Page:
    """`after` and `before` are the keys by which the neighbouring pages are asked for, empty where there is none."""

    rows: list[Callback]
    after: str = ""
    before: str = ""


@dataclass(frozen=True)
class Key:
    """Where a row stands: its value in the column that is sorted by, then the desired time and the id."""

    at: datetime
    pk: str
    value: str = ""

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}.{self.pk}.{self.value}"

    @classmethod
    def read(cls, text: str) -> Key | None:
        """None where it is none: a link that somebody has cut off leads to the first page."""
        at, _, rest = text.replace("\0", "").partition(".")
        pk, dot, value = rest.partition(".")
        try:
            return cls(EPOCH + timedelta(microseconds=int(at)), pk, value) if dot else None
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True)
class _Stretches:
    """Parts of one index: in each of them its `columns` have the values of one row of `values`."""

    columns: tuple[str, ...]
    values: list[tuple[Any, ...]]

    @property
    def where(self) -> str:
        gone = {column for column, values in zip(self.columns, self.arrays, strict=True) if None in values}
        return " AND ".join(f"{each} IS NULL" if each in gone else f"{each} = begin.{each}" for each in self.columns)

    @property
    def types(self) -> str:
        return "".join(f", %s::{_type(column)}[]" for column in self.columns)

    @property
    def arrays(self) -> list[list[Any]]:
        return [list(values) for values in zip(*self.values, strict=True)]

    def each(self, most: int) -> int:
        """How far each is read, so that those of all services together are not read further than one would be."""
        services = len({row[0] for row in self.values}) if self.columns[0] == "service_id" else 1
        return max(most // services, PAGE_SIZE + 1)


# What every index of the list holds.
_COLUMNS = "desired_at, id, state, service_id, reason, queue, agent"


class Listing:
    """The callbacks of `view` that `user` may see; none where the view has errors."""

    def __init__(self, view: View, user: User | AnonymousUser) -> None:
        self.view = view
        self.user = user
        limits = people.limits(user)
        # None for all, also those whose service is gone.
        self.services: tuple[int, ...] | None = None if limits is None else tuple(sorted(limits))
        if view.services:
            self.services = view.service_ids
        self.is_empty = bool(view.errors) or self.services == ()
        column = view.sort.removeprefix("-")
        self.column = {"service": "service_id", "desired": "desired_at"}.get(column, column)
        self.states = sorted(str(state) for state in view.states or State)
        # For what no index includes rows are fetched.
        self.fetches = bool(view.data or view.number)
        self.most = MOST_FETCHED if self.fetches else MOST_READ

    @cached_property
    def found(self) -> Found:
        """How many there are, exactly up to `MOST_COUNTED`."""
        if self.is_empty:
            return Found(0)
        matching, parameters = self._matching(MOST_COUNTED + 1)
        statement = f"SELECT count(*) FROM (SELECT FROM ({matching}) AS m LIMIT %s) AS first"  # noqa: S608
        ((number,),) = self._ask(statement, [*parameters, MOST_COUNTED + 1])
        if number > MOST_COUNTED:
            return Found(MOST_COUNTED, is_more=True)
        return Found(number, is_more=True, is_partial=True) if self._is_cut_off else Found(number)

    def page(self, *, after: str = "", before: str = "") -> Page:
        """The page behind or before a key, or the first. One before a key that would reach the first row is the first.

        Keys instead of numbers: rows that arrive meanwhile move nothing from page to page.
        """
        if self.is_empty:
            return Page([])
        descending = self.view.sort.startswith("-")
        back = Key.read(before)
        if back:
            keys = self._keys(back, descending=not descending)
            if len(keys) > PAGE_SIZE:
                keys = keys[:PAGE_SIZE][::-1]
                return Page(self._rows(keys), after=str(keys[-1]), before=str(keys[0]))
        start = None if back else Key.read(after)
        keys = self._keys(start, descending=descending)
        shown = keys[:PAGE_SIZE]
        return Page(
            self._rows(shown),
            after=str(shown[-1]) if len(keys) > PAGE_SIZE else "",
            before=(str(shown[0]) if shown else after) if start else "",
        )

    # ---- the rows of a page

    def _rows(self, keys: list[Key]) -> list[Callback]:
        visible = Callback.objects.visible_to(self.user).filter(pk__in=[key.pk for key in keys])
        said = _SAID if any(column.startswith(KEY) for column in self.view.columns) else ()
        times = [field for column, field in _TIMES.items() if column in self.view.columns]
        rows = {row.pk: row for row in visible.only(*_SHOWN, *times, *said)}
        return [rows[key.pk] for key in keys if key.pk in rows]

    def _keys(self, start: Key | None, *, descending: bool) -> list[Key]:
        """The keys of the rows behind `start`, one more than fit on a page."""
        if self._of_few:
            return self._sorted(start, descending)
        if self.column == "desired_at":
            return self._read(self._driver, start, descending, each=self._driver.each(self.most))
        if self.fetches or not self.found.is_more:
            return self._sorted(start, descending)
        if self._is_broad:
            return self._value_by_value(start, descending)
        return self._of_first(start, descending) or self._of_counted(start, descending)

    def _value_by_value(self, start: Key | None, descending: bool) -> list[Key]:
        """From the index of the column that is sorted by: the page is full after the next few values."""
        found: list[Key] = []
        for stretches in self._by_value(start, descending):
            found += self._read(stretches, start, descending, each=None)
            if len(found) > PAGE_SIZE:
                break
        return found[: PAGE_SIZE + 1]

    def _of_first(self, start: Key | None, descending: bool) -> list[Key]:
        """A page of the first value alone, where that soon fills it; else nothing."""
        stretches = next(self._by_value(start, descending), None)
        # The states of a service are several stretches: one that is left early would leave out what the next goes past.
        if stretches is None or len(stretches.columns) > 1:
            return []
        first = _Stretches(stretches.columns, stretches.values[:1])
        keys = self._read(first, start, descending, each=MOST_TRIED)
        return keys if len(keys) > PAGE_SIZE else []

    def _sorted(self, start: Key | None, descending: bool) -> list[Key]:
        """All candidates, sorted: where there are few enough."""
        return self._placed(*self._matching(self.most), start, descending)

    def _of_counted(self, start: Key | None, descending: bool) -> list[Key]:
        """All candidates counted by value, then those of the values that the page needs."""
        turned, compared = ("DESC", "<") if descending else ("ASC", ">")
        place, places = self._place
        driver = self._driver
        matching, conditions = self._conditions(driver.columns)
        behind, key = "true", []
        if start:
            behind, key = f"{place} {compared}= %s", [*places, self._place_of(start.value)]
        statement = f"""
            SELECT {self.column}, count(*) FROM (
                SELECT entry.* FROM unnest({driver.types.removeprefix(", ")}) AS begin ({", ".join(driver.columns)}),
                LATERAL (
                    SELECT {_COLUMNS} FROM callbacks_callback
                    WHERE {driver.where} AND desired_at >= %s AND desired_at < %s
                ) AS entry
            ) AS m
            WHERE {matching} GROUP BY {self.column} HAVING {behind} ORDER BY {place} {turned}
        """  # noqa: S608 (fixed texts)
        times = [self.view.start, self.view.end]
        counted = _asked(statement, [*driver.arrays, *times, *conditions, *key, *places])
        found: list[Key] = []
        for values in _groups(counted, start):
            # Of one value the first are soon there; those of several are few, and found by one reading of all.
            alone = len(values) == 1
            begin = start if alone and start and _text(values[0]) == start.value else None
            most = PAGE_SIZE + 1 if alone else None
            found += self._placed(
                *self._scan_driver(begin, descending, each=None, most=most, of=values), start, descending
            )
            if len(found) > PAGE_SIZE:
                break
        return found[: PAGE_SIZE + 1]

    def _placed(self, matching: str, conditions: list[Any], start: Key | None, descending: bool) -> list[Key]:
        """What matches and lies behind `start`, sorted by the place of its value in the column."""
        turned, compared = ("DESC", "<") if descending else ("ASC", ">")
        place, parameters = self._place
        behind, key = "true", []
        if start:
            behind = f"(place, desired_at, id) {compared} (%s, %s, %s)"
            key = [self._place_of(start.value), start.at, start.pk]
        statement = f"""
            SELECT desired_at, id, {self.column} FROM (SELECT m.*, {place} AS place FROM ({matching}) AS m) AS placed
            WHERE {behind} ORDER BY place {turned}, desired_at {turned}, id {turned} LIMIT %s
        """  # noqa: S608 (fixed texts)
        return self._asked_keys(statement, [*parameters, *conditions, *key, PAGE_SIZE + 1])

    def _read(self, stretches: _Stretches, start: Key | None, descending: bool, *, each: int | None) -> list[Key]:
        """What lies behind `start`: of all stretches by time, or else value by value of the column.

        Value by value, `start` lies in the stretches of its own; the others are read from their beginning.
        """
        turned = "DESC" if descending else "ASC"
        by_time = self.column == "desired_at"
        begins = [start if start and (by_time or _text(row[0]) == start.value) else None for row in stretches.values]
        order = {value: n for n, value in enumerate(dict.fromkeys(row[0] for row in stretches.values))}
        ranks = [0 if by_time else order[row[0]] for row in stretches.values]
        matching, parameters = self._scan(stretches, begins, ranks, descending, each, PAGE_SIZE + 1)
        statement = f"""
            SELECT desired_at, id, {self.column} FROM ({matching}) AS m
            ORDER BY rank, desired_at {turned}, id {turned} LIMIT %s
        """  # noqa: S608 (fixed texts)
        return self._asked_keys(statement, [*parameters, PAGE_SIZE + 1])

    # ---- which index

    @cached_property
    def _driver(self) -> _Stretches:
        """The index that what is filtered by chooses: most often that which finds the fewest."""
        view, services = self.view, self.services or ()
        by_service = _Stretches(("service_id", "state"), [(pk, state) for pk in services for state in self.states])
        if view.agent:
            return _Stretches(("agent",), [(view.agent,)])
        if 0 < len(services) <= FEW_SERVICES:
            return by_service
        if view.reason:
            return _Stretches(("reason",), [(view.reason,)])
        if view.queue and State.COMPLETED in self.states:
            return _Stretches(("queue",), [(view.queue,)])
        if 0 < len(services) <= MANY_SERVICES:
            return by_service
        return _Stretches(("state",), [(state,) for state in self.states])

    @cached_property
    def _of_few(self) -> tuple[str, list[Any]] | None:
        """What finds the few of which a request said something; None where many did, or nothing like it is asked."""
        if self.view.number and "*" not in self.view.number:
            # The newest of a number that is called all day.
            return "customer_number = %s ORDER BY created_at DESC", [self.view.number]
        conditions = [_said(key, value) for key, value in self.view.data if not key.startswith("_")]
        if not conditions:
            return None
        where = " AND ".join(condition for condition, _ in conditions)
        parameters = [each for _, said in conditions for each in said]
        statement = f"SELECT count(*) FROM (SELECT FROM callbacks_callback WHERE {where} LIMIT %s) AS f"  # noqa: S608
        ((number,),) = _asked(statement, [*parameters, MOST_FETCHED])
        return (where, parameters) if number < MOST_FETCHED else None

    @cached_property
    def _is_broad(self) -> bool:
        """True if the index that what is filtered by chooses is too much to be read whole.

        A guess of the planner's, of one index good to a few percent. Nothing but the time it takes depends on it.
        """
        driver = self._driver
        among = " AND ".join(f"{column} = ANY (%s::{_type(column)}[])" for column in driver.columns)
        statement = f"""
            EXPLAIN (FORMAT JSON)
            SELECT FROM callbacks_callback WHERE {among} AND desired_at >= %s AND desired_at < %s
        """
        distinct = [sorted(set(values)) for values in driver.arrays]
        (([explained],),) = _asked(statement, [*distinct, self.view.start, self.view.end])
        return bool(explained["Plan"]["Plan Rows"] > MOST_READ)

    @cached_property
    def _is_cut_off(self) -> bool:
        """True if there are as many candidates as are looked at, so that there may be more."""
        if self._of_few:
            where, parameters = self._of_few
            statement = f"SELECT count(*) FROM (SELECT FROM callbacks_callback WHERE {where} LIMIT %s) AS f"  # noqa: S608
            ((number,),) = _asked(statement, [*parameters, MOST_FETCHED])
            return bool(number >= MOST_FETCHED)
        driver = self._driver
        each = driver.each(self.most)
        statement = f"""
            SELECT max(stretch.n) >= %s
            FROM unnest(%s::int[]{driver.types}) AS begin (rank, {", ".join(driver.columns)}),
            LATERAL (SELECT count(*) AS n FROM (
                SELECT FROM callbacks_callback
                WHERE {driver.where} AND desired_at >= %s AND desired_at < %s LIMIT %s
            ) AS entry) AS stretch
        """  # noqa: S608 (fixed texts)
        nothing = [0] * len(driver.values)
        ((is_cut_off,),) = _asked(statement, [each, nothing, *driver.arrays, self.view.start, self.view.end, each])
        return bool(is_cut_off)

    def _by_value(self, start: Key | None, descending: bool) -> Iterator[_Stretches]:
        """The index of the column that is sorted by, from the value of `start` on, some values at a time."""
        if self.column in ("queue", "agent"):
            yield from self._by_name(start, descending)
            return
        values = self._values[::-1] if descending else self._values
        names = [_text(value) for value in values]
        if start and start.value in names:
            values = values[names.index(start.value) :]
        some = [value for value in values if value is not None]
        chunks = [some[n : n + CHUNK] for n in range(0, len(some), CHUNK)]
        # Those whose service is gone are found by another condition.
        gone = [[None]] if None in values else []
        for chunk in [*gone, *chunks] if descending else [*chunks, *gone]:
            if self.column == "service_id":
                yield _Stretches(("service_id", "state"), [(pk, state) for pk in chunk for state in self.states])
            else:
                yield _Stretches((self.column,), [(value,) for value in chunk])

    def _by_name(self, start: Key | None, descending: bool) -> Iterator[_Stretches]:
        """Queues or agents, as the index names them: from one name it goes straight to the next."""
        turned, compared = ("DESC", "<") if descending else ("ASC", ">")
        own: str | None = getattr(self.view, self.column)
        if own:
            yield _Stretches((self.column,), [(own,)])
            return
        where, last = ("true", []) if start is None else (f"{self.column} {compared}= %s", [start.value])
        while True:
            statement = f"""
                WITH RECURSIVE named (name) AS (
                    (SELECT {self.column} FROM callbacks_callback WHERE {where} ORDER BY {self.column} {turned} LIMIT 1)
                    UNION ALL
                    SELECT (SELECT {self.column} FROM callbacks_callback WHERE {self.column} {compared} named.name
                        ORDER BY {self.column} {turned} LIMIT 1)
                    FROM named WHERE named.name IS NOT NULL
                )
                SELECT name FROM named WHERE name IS NOT NULL LIMIT %s
            """  # noqa: S608 (fixed texts)
            names = [(name,) for (name,) in _asked(statement, [*last, CHUNK])]
            if not names:
                return
            yield _Stretches((self.column,), names)
            where, last = f"{self.column} {compared} %s", [names[-1][0]]

    # ---- in which order the values of the column come

    @cached_property
    def _values(self) -> list[Any]:
        """All values of a column that has a known set of them, in their order."""
        if self.column == "service_id":
            seen = [pk for pk in self.view.choices.values() if self.services is None or pk in self.services]
            return [*seen, None] if self.services is None else seen
        if self.column == "state":
            return list(self.states)
        return ["", *sorted(str(reason) for reason in Reason)] if not self.view.reason else [self.view.reason]

    @property
    def _place(self) -> tuple[str, list[Any]]:
        """What a candidate is sorted by, as SQL."""
        if self.column in ("queue", "agent"):
            return self.column, []
        if self.column == "desired_at":
            return "0", []
        known = [value for value in self._values if value is not None]
        return f"coalesce(array_position(%s::{_type(self.column)}[], {self.column}), 1000000)", [known]

    def _place_of(self, value: str) -> Any:
        """The same of a value in a key."""
        if self.column in ("queue", "agent"):
            return value
        if self.column == "desired_at":
            return 0
        known = [_text(each) for each in self._values if each is not None]
        return known.index(value) + 1 if value in known else 1_000_000

    # ---- what is read

    def _ask(self, statement: str, parameters: list[Any]) -> list[Any]:
        """Rows that are fetched to be looked at come in the order of the index, so that no more are than are needed.

        Else the planner would rather fetch all there are, and sort them.
        """
        if not self.fetches or self._of_few:
            return _asked(statement, parameters)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_bitmapscan = off")
            found = _asked(statement, parameters)
            cursor.execute("SET LOCAL enable_bitmapscan = on")
        return found

    def _asked_keys(self, statement: str, parameters: list[Any]) -> list[Key]:
        return [Key(at, pk, _text(value)) for at, pk, value in self._ask(statement, parameters)]

    def _matching(self, most: int) -> tuple[str, list[Any]]:
        """All candidates that match, in no order."""
        if self._of_few:
            where, parameters = self._of_few
            matching, conditions = self._conditions()
            statement = f"""
                SELECT {_COLUMNS} FROM (SELECT * FROM callbacks_callback WHERE {where} LIMIT %s) AS c
                WHERE {matching} AND desired_at >= %s AND desired_at < %s
            """  # noqa: S608 (fixed texts)
            return statement, [*parameters, MOST_FETCHED, *conditions, self.view.start, self.view.end]
        descending = not self.view.range.startswith("next-")
        return self._scan_driver(None, descending, each=self._driver.each(self.most), most=most)

    def _scan_driver(
        self, begin: Key | None, descending: bool, *, each: int | None, most: int | None, of: list[Any] | None = None
    ) -> tuple[str, list[Any]]:
        """The candidates that match, in the index that what is filtered by chooses; see `_scan`."""
        stretches = len(self._driver.values)
        return self._scan(self._driver, [begin] * stretches, [0] * stretches, descending, each, most, of)

    def _scan(
        self,
        stretches: _Stretches,
        begins: Sequence[Key | None],
        ranks: list[int],
        descending: bool,
        each: int | None,
        most: int | None,
        of: list[Any] | None = None,
    ) -> tuple[str, list[Any]]:
        """Of each stretch the first `most` that match, behind where it begins, of `each` that are looked at.

        With `of`, only those that have one of these values in the column that is sorted by.
        """
        turned, compared = ("DESC", "<") if descending else ("ASC", ">")
        edge = self.view.end if descending else self.view.start
        matching, conditions = self._conditions(stretches.columns)
        if of is not None:
            among = f"{self.column} = ANY (%s::{_type(self.column)}[])"
            matching += f" AND ({among} OR {self.column} IS NULL)" if None in of else f" AND {among}"
            conditions = [*conditions, of]
        statement = f"""
            SELECT begin.rank, s.*
            FROM unnest(%s::int[], %s::timestamptz[], %s::text[]{stretches.types})
                AS begin (rank, at, pk, {", ".join(stretches.columns)}),
            LATERAL (
                SELECT {_COLUMNS} FROM (
                    SELECT {self._read_columns} FROM callbacks_callback
                    WHERE {stretches.where} AND desired_at >= %s AND desired_at < %s
                        AND (desired_at, id) {compared} (begin.at, begin.pk)
                    ORDER BY desired_at {turned}, id {turned} LIMIT %s
                ) AS c WHERE {matching} LIMIT %s
            ) AS s
        """  # noqa: S608 (fixed texts)
        parameters = [ranks, [key.at if key else edge for key in begins], [key.pk if key else "" for key in begins]]
        times = [self.view.start, self.view.end]
        return statement, [*parameters, *stretches.arrays, *times, each, *conditions, most]

    @property
    def _read_columns(self) -> str:
        return f"{_COLUMNS}, customer_number, user_data, properties, overrides" if self.fetches else _COLUMNS

    def _conditions(self, known: tuple[str, ...] = ()) -> tuple[str, list[Any]]:
        """What is filtered by, as SQL: what `View.but_time` says, and the scope of the person.

        Without what the stretches of an index have seen to already, by the columns that begin it.
        """
        view = self.view
        where: list[tuple[str, list[Any]]] = []
        if view.states and "state" not in known:
            where.append(("state = ANY (%s::text[])", [self.states]))
        if self.services is not None and "service_id" not in known:
            where.append(("service_id = ANY (%s::bigint[])", [list(self.services)]))
        exact = {column: getattr(view, column) for column in ("reason", "queue", "agent") if column not in known}
        where += [(f"{column} = %s", [value]) for column, value in exact.items() if value]
        part = view.number.strip("*")
        if view.number.startswith("*"):
            where.append(("right(customer_number, %s) = %s", [len(part), part]))
        elif view.number.endswith("*"):
            where.append(("starts_with(customer_number, %s)", [part]))
        elif part:
            where.append(("customer_number = %s", [part]))
        where += [_said(key, value) for key, value in view.data]
        return " AND ".join(each for each, _ in where) or "true", [value for _, said in where for value in said]


def _groups(counted: list[tuple[Any, int]], start: Key | None) -> Iterator[list[Any]]:
    """The values that a page needs, in order: those of many callbacks each alone, those of few together."""
    few: list[Any] = []
    needed = PAGE_SIZE + 1
    for value, number in counted:
        if number > PAGE_SIZE:
            if few:
                yield few
            few = []
            yield [value]
        else:
            few.append(value)
        # How many of the first value lie behind where the page begins is not known.
        needed -= 0 if start and _text(value) == start.value else number
        if needed <= 0:
            break
    if few:
        yield few


def _asked(statement: str, parameters: list[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _said(key: str, value: str) -> tuple[str, list[Any]]:
    said = [json.dumps(each) for each in meant(key, value)]
    columns = ("properties", "overrides") if key.startswith("_") else ("user_data",)
    alternatives = [(f"{column} @> %s::jsonb", each) for column in columns for each in said]
    return f"({' OR '.join(text for text, _ in alternatives)})", [each for _, each in alternatives]


def _type(column: str) -> str:
    return "bigint" if column == "service_id" else "text"


def _text(value: Any) -> str:
    """A value of a column as a key says it; that of the time stands in it anyway."""
    return "" if value is None or isinstance(value, datetime) else str(value)
