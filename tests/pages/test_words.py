"""Every word of our pages can be translated: with marks around each text that could be, none stands outside of them.

The pages are those of tests/endpoints.py, so that a new one is covered by being listed there. Not meant: Django admin
and the documentation of the API, which are for those who read English option names anyway; what people and clients
have entered; and texts that are stored when they are made (journal, findings, reasons), which are English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from callbacksite import languages
from tests.endpoints import ADMINISTRATOR, PAGES
from tests.factories import AgentFactory, JournalEntryFactory, UserFactory, make_roles
from tests.test_endpoints import parts, service, visit  # noqa: F401 (fixtures)

pytestmark = pytest.mark.django_db

OPEN, CLOSE = "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}", "\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}"
READ_ALOUD = (
    "aria-label",
    "aria-description",
    "title",
    "placeholder",
    "alt",
    "data-label",
    "data-live",
    "data-not-live",
)
# Names, and what is the same in every language.
SAME = {"callbacksite", "utc", "min", "csv", "api", "alt", "ewt", "p90", "id", "ms"}
# Holds what somebody entered, or what is stored as a text.
DATA = {"code", "kbd", "time", "pre", "option", "script", "style", "textarea"}
DATA_CLASSES = {"id", "number", "user", "brand", "data", "said-by-us", "timeline", "entry"}


@pytest.fixture(autouse=True)
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text that a catalogue could translate stands between marks, as a pseudo language."""

    def mark(text: str) -> str:
        return f"{OPEN}{text}{CLOSE}" if text else text

    def plural(one: str, many: str, number: int) -> str:
        return mark(one if number == 1 else many)

    for name, function in (
        ("gettext", mark),
        ("pgettext", lambda _context, text: mark(text)),
        ("ngettext", plural),
        ("npgettext", lambda _context, *given: plural(*given)),
    ):
        monkeypatch.setattr(f"django.utils.translation._trans.{name}", function, raising=False)


class Outside(HTMLParser):
    """Collects the words that stand outside of all marks: of the visible text, and of what is read aloud."""

    VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})

    def __init__(self, known: set[str]) -> None:
        super().__init__()
        self.known = known
        self.depth = 0
        self.data: list[bool] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in READ_ALOUD:
            self.words += self.outside(given.get(name) or "", depth=0)[0]
        if tag not in self.VOID:
            classes = set((given.get("class") or "").split())
            self.data.append(tag in DATA or bool(classes & DATA_CLASSES) or "data-words" in given)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and self.data:
            self.data.pop()

    def handle_data(self, data: str) -> None:
        found, self.depth = self.outside(data, self.depth)
        if not any(self.data):
            self.words += found

    def outside(self, text: str, depth: int) -> tuple[list[str], int]:
        kept = []
        for sign in text:
            depth += (sign == OPEN) - (sign == CLOSE)
            kept.append(sign if depth == 0 and sign not in {OPEN, CLOSE} else " " if depth else "")
        words = re.findall(r"[^\W\d_]{2,}", re.sub(r"\S*[\d_@/.:-]\S*", " ", "".join(kept)))
        return [word for word in words if word.lower() not in SAME | self.known], depth


def outside(html: str, known: set[str]) -> list[str]:
    parser = Outside(known)
    parser.feed(html)
    assert parser.depth == 0
    return parser.words


def ours() -> Iterator[str]:
    for route, page in PAGES.items():
        if page.method == "GET" and not route.startswith(("admin/", "api/", "demo/")):
            yield route


@pytest.fixture
def known(parts: dict[str, str], service: Any) -> set[str]:  # noqa: F811
    """What people have entered: names, and the words of names."""
    names = ["anna", "kate", "olga", service.name, *parts.values()]
    return {word.lower() for name in names for word in re.findall(r"[^\W\d_]{2,}", name)} | {
        "sip",
        "switch",
        "billing",
        "vq",
    }


@pytest.fixture
def anna(parts: dict[str, str]) -> Client:  # noqa: F811
    make_roles()
    user = UserFactory.create(username="anna", is_staff=True, is_superuser=True)
    AgentFactory.create(name="anna", user=user)
    JournalEntryFactory.create(callback_id=parts["callback_id"])
    client = Client()
    client.force_login(user)
    return client


def test_every_text_of_every_page_can_be_translated(
    anna: Client,
    parts: dict[str, str],  # noqa: F811
    known: set[str],
) -> None:
    wrong = {}
    for route in ours():
        signed_out = ADMINISTRATOR not in PAGES[route].who or route.startswith(("login", "account/lost", "account/new"))
        answer = visit(Client() if signed_out else anna, route, parts)
        if answer["Content-Type"].startswith("text/html") and (found := outside(answer.content.decode(), known)):
            wrong[route] = found
    assert wrong == {}


@pytest.mark.parametrize("url", ["/callbacks/nothing/", "/nowhere/"])
def test_so_can_those_of_errors(url: str, anna: Client, known: set[str]) -> None:
    answer = anna.get(url)
    assert answer.status_code == 404
    assert outside(answer.content.decode(), known) == []


def test_a_text_outside_of_the_marks_is_found() -> None:
    page = f"<p>{OPEN}Press <b>Ready</b> now{CLOSE} <b>or wait</b> <i title='too long'>{OPEN}x{CLOSE}</i> 12:00 UTC</p>"
    assert outside(page, {"wait"}) == ["or", "too", "long"]


def test_languages_are_those_with_a_catalogue(tmp_path: Any) -> None:
    assert languages.available(tmp_path) == [("en", "English")]
    for code in ("fr", "pt_BR", "xx"):
        (tmp_path / code / "LC_MESSAGES").mkdir(parents=True)
        (tmp_path / code / "LC_MESSAGES" / "django.po").touch()
        (tmp_path / code / "LC_MESSAGES" / "django.mo").touch()
    (tmp_path / "de" / "LC_MESSAGES").mkdir(parents=True)
    assert languages.available(tmp_path) == [
        ("en", "English"),
        ("fr", "fran\N{LATIN SMALL LETTER C WITH CEDILLA}ais"),
        ("pt-br", "Portugu\N{LATIN SMALL LETTER E WITH CIRCUMFLEX}s Brasileiro"),
        ("xx", "xx"),
    ]
