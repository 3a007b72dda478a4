"""Kinds of option value: how a configured text is read, what is allowed, how the form asks for it.

`parse` is syntactic and never touches the database, so that its results can be kept; `choices` and `check` look at
what is configured now and serve the admin form. Kinds that only a higher floor understands (target, route point,
virtual queue) are registered by that floor under a name; the option table refers to them by that name.
"""

from __future__ import annotations

from services.kinds.addresses import COUNTRY, PORTS, TIME_ZONE, URL, URLS
from services.kinds.base import MAX_TEXT, BadValue, Kind, UnknownKind, kind, register, shown
from services.kinds.hours import (
    CAPACITY_OF_DATES,
    DATED_HOURS,
    DATES,
    DAY,
    HOLIDAYS_COUNTRY,
    WEEK_DAYS,
    WEEK_HOURS,
    DatedHours,
    Day,
    WeekHours,
    capacity_of_day,
)
from services.kinds.references import SERVICE_NAME, service_reference
from services.kinds.structures import (
    DURATION,
    JSON,
    MINUTES_RANGE,
    STATISTIC,
    THRESHOLDS,
    TREATMENT,
    Duration,
    Treatment,
)
from services.kinds.tolls import COUNTRIES, NUMBER_TYPES
from services.kinds.windows import CALLING_WINDOW, CallingWindow
from services.kinds.words import (
    BOOLEAN,
    DIAL_PREFIX,
    DIGITS,
    DN,
    KEYS,
    NUMBER,
    NUMBERS,
    choice,
    integer,
    limit,
    milliseconds,
    names,
    pattern,
    seconds,
    text,
)

__all__ = [
    "BOOLEAN",
    "CALLING_WINDOW",
    "CAPACITY_OF_DATES",
    "COUNTRIES",
    "COUNTRY",
    "DATED_HOURS",
    "DATES",
    "DAY",
    "DIAL_PREFIX",
    "DIGITS",
    "DN",
    "DURATION",
    "HOLIDAYS_COUNTRY",
    "JSON",
    "KEYS",
    "MAX_TEXT",
    "MINUTES_RANGE",
    "NUMBER",
    "NUMBERS",
    "NUMBER_TYPES",
    "PORTS",
    "SERVICE_NAME",
    "STATISTIC",
    "THRESHOLDS",
    "TIME_ZONE",
    "TREATMENT",
    "URL",
    "URLS",
    "WEEK_DAYS",
    "WEEK_HOURS",
    "BadValue",
    "CallingWindow",
    "DatedHours",
    "Day",
    "Duration",
    "Kind",
    "Treatment",
    "UnknownKind",
    "WeekHours",
    "capacity_of_day",
    "choice",
    "integer",
    "kind",
    "limit",
    "milliseconds",
    "names",
    "pattern",
    "register",
    "seconds",
    "service_reference",
    "shown",
    "text",
]
