from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services import kinds
from services.catalogue import CALLBACK_OPTIONS
from services.kinds import BadValue, Duration, Kind, Treatment, base

ALL_KINDS = [
    kinds.BOOLEAN,
    kinds.integer(1, 100),
    kinds.seconds(0, 86_400),
    kinds.milliseconds(500, 120_000),
    kinds.choice("CUSTOMER", "AGENT"),
    kinds.text(maximum=64, forbidden='"<>'),
    kinds.NUMBER,
    kinds.DIAL_PREFIX,
    kinds.DIGITS,
    kinds.DN,
    kinds.KEYS,
    kinds.names("names of groups"),
    kinds.limit(500),
    kinds.limit(300, unit="seconds"),
    kinds.NUMBERS,
    kinds.JSON,
    kinds.TREATMENT,
    kinds.DURATION,
    kinds.MINUTES_RANGE,
    kinds.THRESHOLDS,
    kinds.STATISTIC,
    kinds.URL,
    kinds.URLS,
    kinds.PORTS,
    kinds.COUNTRY,
    kinds.COUNTRIES,
    kinds.NUMBER_TYPES,
    kinds.TIME_ZONE,
    kinds.WEEK_HOURS,
    kinds.DATED_HOURS,
    kinds.DAY,
    kinds.DATES,
    kinds.WEEK_DAYS,
    kinds.CALLING_WINDOW,
    kinds.capacity_of_day(3),
    kinds.service_reference("callback"),
]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (kinds.BOOLEAN, "true", True),
        (kinds.BOOLEAN, " False ", False),
        (kinds.BOOLEAN, "TRUE", True),
        (kinds.integer(1, 100), "1", 1),
        (kinds.integer(1, 100), "100", 100),
        (kinds.integer(-5, 5), "-5", -5),
        (kinds.integer(1, 100), "", None),
        (kinds.seconds(0, 86_400), " 0032 ", 32),
        (kinds.milliseconds(500, 120_000), "15000", 15000),
        (kinds.choice("CUSTOMER", "AGENT"), "customer", "CUSTOMER"),
        (kinds.text(), "", ""),
        (kinds.text(), "  Acme & Söhne  ", "Acme & Söhne"),
        (kinds.NUMBER, "+49301234", "+49301234"),
        (kinds.NUMBER, "", ""),
        (kinds.DIAL_PREFIX, "91", "91"),
        (kinds.DIAL_PREFIX, "*9#", "*9#"),
        (kinds.KEYS, "_customer_number, first name,_customer_number,,", ("_customer_number", "first name")),
        (kinds.KEYS, "", ()),
        (kinds.NUMBERS, "+1 (650) 466-1232, 5115", ("+16504661232", "5115")),
        (kinds.JSON, '{"a": [1]}', MappingProxyType({"a": (1,)})),
        (kinds.JSON, '"\\\\u0000"', "\\u0000"),
        (kinds.TREATMENT, "", None),
        (kinds.TREATMENT, "   ", None),
        (kinds.TREATMENT, "{ }", Treatment("")),
        (kinds.TREATMENT, "{}", Treatment("")),
        (kinds.TREATMENT, "GMSApplications/hold music.wav", Treatment("GMSApplications/hold music.wav")),
        (
            kinds.TREATMENT,
            '{ "file": "a/b.wav", "hints": { "am-beep-detection": "on" } }',
            Treatment("a/b.wav", {"am-beep-detection": "on"}),
        ),
        (kinds.DIGITS, "007", "007"),
        (kinds.DN, "8999@SIP_Switch", "8999@SIP_Switch"),
        (kinds.DN, "", ""),
        (kinds.names("names of groups"), "Sales, After Sales,Sales", ("Sales", "After Sales")),
        (kinds.limit(500), "-1", 500),
        (kinds.limit(500), "-999999999999", 500),
        (kinds.limit(500), "0", 0),
        (kinds.limit(500), " 7 ", 7),
        (kinds.limit(500), "", None),
        (kinds.DURATION, "1M", Duration(1, "M")),
        (kinds.DURATION, "90m", Duration(90, "m")),
        (kinds.DURATION, "2y", Duration(2, "y")),
        (kinds.DURATION, "", None),
        (kinds.MINUTES_RANGE, "-120,120", (-120, 120)),
        (kinds.MINUTES_RANGE, " -1440 , -120 ", (-1440, -120)),
        (kinds.MINUTES_RANGE, "", None),
        (kinds.THRESHOLDS, "0:10,10:5,20:2,30:1,40:0", ((0, 10), (10, 5), (20, 2), (30, 1), (40, 0))),
        (kinds.THRESHOLDS, " 5 : 3 ", ((5, 3),)),
        (kinds.THRESHOLDS, "0:3,10:3", ((0, 3), (10, 3))),
        (kinds.THRESHOLDS, "", ()),
        (
            kinds.STATISTIC,
            "ExpectedWaitTime;Queue;8999@SIP_Server;Environment",
            ("ExpectedWaitTime", "Queue", "8999@SIP_Server", "Environment"),
        ),
        (kinds.URL, "http://localhost:7311", "http://localhost:7311"),
        (kinds.URL, "https://[::1]:8443/a?b=c#d", "https://[::1]:8443/a?b=c#d"),
        (kinds.URL, "", ""),
        (kinds.URLS, "http://ors1:7210, http://ors2:7210,http://ors1:7210", ("http://ors1:7210", "http://ors2:7210")),
        (kinds.PORTS, "8100-8102", ((8100, 8102),)),
        (kinds.PORTS, "81, 90,8043 - 8043", ((81, 81), (90, 90), (8043, 8043))),
        (kinds.COUNTRY, "US", "US"),
        (kinds.COUNTRY, "de", "DE"),
        (kinds.COUNTRY, "", ""),
        (kinds.COUNTRIES, "de, AT,DE", ("DE", "AT")),
        (kinds.COUNTRIES, "All", ()),
        (kinds.COUNTRIES, "", ()),
        (kinds.NUMBER_TYPES, "Premium, satellite,premium", ("premium", "satellite")),
        (kinds.NUMBER_TYPES, "none", ()),
        (kinds.NUMBER_TYPES, "", ()),
        (kinds.TIME_ZONE, "America/Toronto", ZoneInfo("America/Toronto")),
        (kinds.TIME_ZONE, "Asia/Kathmandu", ZoneInfo("Asia/Kathmandu")),
        (kinds.TIME_ZONE, "UTC", ZoneInfo("UTC")),
        (kinds.service_reference("callback"), "voice.1", "voice.1"),
        (kinds.service_reference("callback"), "", None),
    ],
)
def test_reads(kind: Kind, text: str, value: object) -> None:
    assert kind.read(text) == value
    assert type(kind.read(text)) is type(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (kinds.BOOLEAN, "yes"),
        (kinds.BOOLEAN, "1"),
        (kinds.integer(1, 100), "0"),
        (kinds.integer(1, 100), "101"),
        (kinds.integer(1, 100), "1_0"),
        (kinds.integer(1, 100), "٣"),
        (kinds.integer(1, 100), "1.5"),
        (kinds.integer(1, 100), "9" * 5000),
        (kinds.seconds(0, 10), "-1"),
        (kinds.choice("CUSTOMER", "AGENT"), "BOTH"),
        (kinds.text(maximum=5), "123456"),
        (kinds.text(), "two\nlines"),
        (kinds.text(), "nul\0"),
        (kinds.text(forbidden='"'), 'Bob" <1>'),
        (kinds.NUMBER, "12 34"),
        (kinds.NUMBER, "PJSIP/1"),
        (kinds.DIAL_PREFIX, "9,1"),
        (kinds.KEYS, "a," + "b" * 129),
        (kinds.KEYS, "a,b\tc"),
        (kinds.NUMBERS, "5115, office"),
        (kinds.JSON, "{'a': 1}"),
        (kinds.JSON, "NaN"),
        (kinds.JSON, '"\\u0000"'),
        (kinds.JSON, '"\\ud800"'),
        (kinds.JSON, "[" * 100_000),
        (kinds.DIGITS, "12a"),
        (kinds.DIGITS, "1" * 17),
        (kinds.DN, "8999@"),
        (kinds.DN, "89 99"),
        (kinds.names("names of groups"), "a\nb,c"),
        (kinds.limit(500), "many"),
        (kinds.limit(500), "-"),
        (kinds.limit(500), "1.5"),
        (kinds.DURATION, "1"),
        (kinds.DURATION, "M"),
        (kinds.DURATION, "1D"),
        (kinds.DURATION, "-1d"),
        (kinds.DURATION, "1.5h"),
        (kinds.DURATION, "10000y"),
        (kinds.MINUTES_RANGE, "120,-120"),
        (kinds.MINUTES_RANGE, "5,5"),
        (kinds.MINUTES_RANGE, "-120"),
        (kinds.MINUTES_RANGE, "-120,0,120"),
        (kinds.MINUTES_RANGE, "a,b"),
        (kinds.THRESHOLDS, "10:5,0:10"),
        (kinds.THRESHOLDS, "0:5,10:10"),
        (kinds.THRESHOLDS, "0:5,0:4"),
        (kinds.THRESHOLDS, "0:5,"),
        (kinds.THRESHOLDS, "0-5"),
        (kinds.THRESHOLDS, "-1:5"),
        (kinds.STATISTIC, "ExpectedWaitTime;Queue;8999@SIP_Server"),
        (kinds.STATISTIC, "ExpectedWaitTime;;8999@SIP_Server;Environment"),
        (kinds.STATISTIC, "a;b;c;d;e"),
        (kinds.URL, "localhost:7311"),
        (kinds.URL, "ftp://host"),
        (kinds.URL, "javascript:alert(1)"),
        (kinds.URL, "http://"),
        (kinds.URL, "http://host:70000"),
        (kinds.URL, "http://host:0"),
        (kinds.URL, "http://[::1"),
        (kinds.URL, "http://ho st/"),
        (kinds.URL, "http://host/\na"),
        (kinds.URL, "http://höst/"),
        (kinds.URL, "http://host/" + "a" * 2000),
        (kinds.URLS, "http://ors1, ors2"),
        (kinds.URLS, ","),
        (kinds.PORTS, "0"),
        (kinds.PORTS, "65536"),
        (kinds.PORTS, "90-80"),
        (kinds.PORTS, "80,"),
        (kinds.PORTS, "http"),
        (kinds.COUNTRY, "XX"),
        (kinds.COUNTRIES, "DE,XX"),
        (kinds.COUNTRIES, "DE,all"),
        (kinds.COUNTRIES, ","),
        (kinds.NUMBER_TYPES, "dear"),
        (kinds.NUMBER_TYPES, "none,premium"),
        (kinds.NUMBER_TYPES, ","),
        (kinds.COUNTRY, "USA"),
        (kinds.COUNTRY, "ß"),
        (kinds.TIME_ZONE, "EST"),
        (kinds.TIME_ZONE, "PST"),
        (kinds.TIME_ZONE, "europe/berlin"),
        (kinds.TIME_ZONE, "Europe/Atlantis"),
        (kinds.TIME_ZONE, "../UTC"),
        (kinds.service_reference("callback"), "voice one"),
        (kinds.service_reference("callback"), "v" * 65),
    ],
)
def test_refuses(kind: Kind, text: str) -> None:
    with pytest.raises(BadValue):
        kind.read(text)


@pytest.mark.parametrize(
    "text",
    [
        "../secret.wav",
        "a/../../secret.wav",
        "a/./b.wav",
        "/etc/passwd",
        "C:/windows.wav",
        "..\\secret.wav",
        "file:///etc/passwd",
        "sound:hello",
        "a.wav,b.wav",
        "a//b.wav",
        "a/",
        "a\0.wav",
        "a\n.wav",
        "%2e%2e/a.wav",
        "~/a.wav",
        "GMSApplications/<treatmentfile1>",
        "a" * 501,
        '{"file": "../a.wav"}',
        '{"file": "a\\u0000.wav"}',
        '{"file": ""}',
        '{"file": 1}',
        '{"hints": {"am-beep-detection": "on"}}',
        '{"file": "a.wav", "loop": true}',
        '{"file": "a.wav", "hints": {"am-beep-detection": true}}',
        '{"file": "a.wav", "hints": []}',
        '{"file": "a.wav"',
        '{"a":' * 50_000,
    ],
)
def test_treatments_stay_below_the_sounds_folder(text: str) -> None:
    with pytest.raises(BadValue, match="below the sounds folder"):
        kinds.TREATMENT.read(text)


@pytest.mark.parametrize("text", ["http://host/a.wav", "HTTPS://host/a.wav", '{"file": "https://host/a.wav"}'])
def test_web_addresses_are_refused_by_name(text: str) -> None:
    with pytest.raises(BadValue, match=r"sounds from web addresses \(http, https\) are not supported"):
        kinds.TREATMENT.read(text)


def test_errors_say_what_was_given_and_what_is_allowed() -> None:
    with pytest.raises(BadValue) as caught:
        kinds.seconds(1, 600).read("soon")
    assert str(caught.value) == "'soon' was given, allowed is a whole number from 1 to 600, in seconds"


def test_errors_do_not_repeat_a_whole_upload() -> None:
    with pytest.raises(BadValue) as caught:
        kinds.BOOLEAN.read("x" * 1_000_000)
    assert str(caught.value) == f"'{'x' * 79}…' was given, allowed is true or false"


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.name)
@settings(deadline=None)
@given(text=st.text(max_size=40))
@example(text="")
@example(text="\0")
@example(text="\ud800")
def test_every_text_is_read_or_refused_with_a_value_error(kind: Kind, text: str) -> None:
    refusals = []
    try:
        kind.read(text)
    except ValueError as error:
        refusals.append(str(error))
    assert all(kind.allowed in refusal for refusal in refusals)


@settings(deadline=None)
@given(n=st.integers(-1000, 1000), low=st.integers(-500, 0), high=st.integers(0, 500))
def test_integers_are_read_exactly_within_their_bounds(n: int, low: int, high: int) -> None:
    kind = kinds.integer(low, high)
    if low <= n <= high:
        assert kind.read(str(n)) == n
    else:
        with pytest.raises(BadValue):
            kind.read(str(n))


@settings(deadline=None)
@given(st.lists(st.text("abc_ -.", min_size=1).map(str.strip).filter(bool), unique=True))
def test_keys_round_trip(keys: list[str]) -> None:
    assert kinds.KEYS.read(", ".join(keys)) == tuple(keys)


@settings(deadline=None)
@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=3))
def test_a_treatment_never_leaves_its_folder(file: str, hints: dict[str, str]) -> None:
    try:
        treatment = kinds.TREATMENT.read(json.dumps({"file": file, "hints": hints}))
    except BadValue:
        return
    assert treatment == Treatment(file, hints)
    assert not file.startswith("/")
    assert ".." not in file.split("/")
    assert file.isprintable()


def _leaves(value: object) -> list[object]:
    """The value and everything in it."""
    match value:
        case Mapping():
            return [value, *(leaf for item in value.values() for leaf in _leaves(item))]
        case tuple():
            return [value, *(leaf for item in value for leaf in _leaves(item))]
    return [value]


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("ab é"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
        max_leaves=20,
    )
)
def test_json_round_trips_into_values_that_cannot_change(value: object) -> None:
    """Values are shared by all who read the same text."""
    read = kinds.JSON.read(json.dumps(value))
    assert not any(isinstance(leaf, dict | list | set) for leaf in _leaves(read))
    assert json.loads(json.dumps(read, default=dict)) == value


def test_a_shared_value_refuses_to_be_changed() -> None:
    read = kinds.JSON.read('{"a": [1]}')
    assert kinds.JSON.read('{"a": [1]}') is read
    with pytest.raises(TypeError, match="does not support item assignment"):
        read["b"] = 2  # type: ignore[index]
    hints = kinds.TREATMENT.read('{"file": "a.wav", "hints": {"am-beep-detection": "on"}}').hints  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="does not support item assignment"):
        hints["loop"] = "on"


@settings(deadline=None)
@given(first=st.integers(-99_999, 99_999), last=st.integers(-99_999, 99_999))
def test_ranges_round_trip_if_they_rise(first: int, last: int) -> None:
    if first < last:
        assert kinds.MINUTES_RANGE.read(f"{first},{last}") == (first, last)
    else:
        with pytest.raises(BadValue):
            kinds.MINUTES_RANGE.read(f"{first},{last}")


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 10**6), st.integers(0, 10**6), min_size=1, max_size=6))
def test_thresholds_round_trip_if_they_fall(steps: dict[int, int]) -> None:
    ordered = tuple(zip(sorted(steps), sorted(steps.values(), reverse=True), strict=True))
    assert kinds.THRESHOLDS.read(",".join(f"{n}:{m}" for n, m in ordered)) == ordered


@settings(deadline=None)
@given(number=st.integers(0, 9999), unit=st.sampled_from("yMwdhm"))
def test_durations_round_trip(number: int, unit: str) -> None:
    assert kinds.DURATION.read(f"{number}{unit}") == Duration(number, unit)


@settings(deadline=None)
@given(number=st.integers(-(10**11), 10**11), default=st.integers(0, 10**6))
def test_limits_are_never_negative(number: int, default: int) -> None:
    assert kinds.limit(default).read(str(number)) == (number if number >= 0 else default)


def test_countries_and_zones_are_offered_by_name() -> None:
    assert kinds.COUNTRY.choices is not None
    assert ("DE", "DE Germany") in kinds.COUNTRY.choices()
    assert len(kinds.COUNTRY.choices()) > 240
    assert kinds.TIME_ZONE.choices is not None
    zones = kinds.TIME_ZONE.choices()
    assert zones[0] == ("UTC", "UTC")
    assert ("Europe/Berlin", "Europe/Berlin") in zones
    assert all(kinds.TIME_ZONE.read(name) == ZoneInfo(name) for name, _ in zones)


def test_a_kind_that_nobody_registered_fails_at_use_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    target = next(option for option in CALLBACK_OPTIONS if option.name == "_target")
    assert target.value("Billing@StatServer.GA") == "Billing@StatServer.GA"
    monkeypatch.delitem(base._registry, "target")
    with pytest.raises(kinds.UnknownKind, match="no kind of value named 'target' is registered"):
        target.value("Billing@StatServer.GA")


def test_a_kind_is_registered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_registry", {})
    office_hours = Kind(name="office_hours", parse=str, allowed="office hours")
    kinds.register(office_hours)
    kinds.register(office_hours)
    assert kinds.kind("office_hours") is office_hours
    with pytest.raises(ValueError, match="'office_hours' is registered already"):
        kinds.register(Kind(name="office_hours", parse=str, allowed="other"))
