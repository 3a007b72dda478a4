from __future__ import annotations

import json
from types import MappingProxyType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services import kinds
from services.catalogue import CALLBACK_OPTIONS
from services.kinds import BadValue, Kind, Treatment, base

ALL_KINDS = [
    kinds.BOOLEAN,
    kinds.integer(1, 100),
    kinds.seconds(0, 86_400),
    kinds.milliseconds(500, 120_000),
    kinds.choice("CUSTOMER", "AGENT"),
    kinds.text(maximum=64, forbidden='"<>'),
    kinds.NUMBER,
    kinds.DIAL_PREFIX,
    kinds.KEYS,
    kinds.NUMBERS,
    kinds.JSON,
    kinds.TREATMENT,
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
