"""The operators' pages say everything that can be set, and a value that cannot be used is refused in words."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from callbacksite import environment

ROOT = Path(__file__).parent.parent


def test_the_page_of_variables_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "environment.md").read_text() == environment.page(), "make environment"


def test_every_variable_is_declared_in_the_settings() -> None:
    settings = (ROOT / "callbacksite" / "settings.py").read_text()
    assert set(re.findall(r"\benv\.\w+\(\s*\"([A-Z_]+)\"", settings)) == environment.VARIABLES.keys()


def test_the_page_names_every_check() -> None:
    made = set(re.findall(r"callbacksite\.([EW]\d{3})", (ROOT / "callbacksite" / "checks.py").read_text()))
    made |= set(
        re.findall(r'^        "([EW]\d{3})",$', (ROOT / "callbacksite" / "checks.py").read_text(), re.MULTILINE)
    )
    page = (ROOT / "docs" / "operators.md").read_text()
    rows = re.findall(r"^\| ((?:[EW]\d{3}(?:, )?)+) \|", page, re.MULTILINE)
    assert made == {check for row in rows for check in row.split(", ")}


@pytest.mark.parametrize(
    ("name", "given", "says"),
    [
        ("NODE_ID", "abc", 'NODE_ID: "abc" cannot be used. Allowed: a whole number from 0 to 999999.'),
        ("NODE_ID", "-1", 'NODE_ID: "-1" cannot be used. Allowed: a whole number from 0 to 999999.'),
        (
            "LOG_LEVEL",
            "LOUD",
            'LOG_LEVEL: "LOUD" cannot be used. Allowed: one of DEBUG, INFO, WARNING, ERROR, CRITICAL.',
        ),
        ("HTTPS", "maybe", 'HTTPS: "maybe" cannot be used. Allowed: true or false.'),
        ("SIMULATOR_SPEED", "nan", 'SIMULATOR_SPEED: "nan" cannot be used. Allowed: a number from 0.01 to 1000.'),
        (
            "OUTBOUND_ALLOWED_NETWORKS",
            "10.1.0.0/16,10.2.0.1/16",
            'OUTBOUND_ALLOWED_NETWORKS: "10.1.0.0/16,10.2.0.1/16" cannot be used. Allowed: networks such as ',
        ),
        ("TIME_ZONE", "Berlin", 'TIME_ZONE: "Berlin" cannot be used. Allowed: a time zone such as Europe/Berlin.'),
        ("DATABASE_URL", "mysql://kate:hush@db/x", 'DATABASE_URL: "mysql://…" cannot be used. Allowed: `postgres://'),
        ("DATABASE_URL", "postgres://kate:hush@db:port/x", 'DATABASE_URL: "postgres://…" cannot be used.'),
        (
            "REDIS_URL",
            "hushhush.example.org",
            "REDIS_URL: its value of 20 characters cannot be used. Allowed: `redis://",
        ),
    ],
)
def test_a_value_that_cannot_be_used_is_named_with_what_is_allowed(name: str, given: str, says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import callbacksite.settings"],
        cwd=ROOT,
        env={**os.environ, name: given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"callbacksite.environment.BadValue: {says}")
    # Addresses carry passwords.
    assert "hush" not in done.stderr


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "VARIABLES", {})
    monkeypatch.setenv("NODE_ID", " ")
    assert environment.whole("NODE_ID", default=369, lowest=0, highest=999999, help="") == 369
    monkeypatch.setenv("NODE_ID", "7")
    assert environment.whole("NODE_ID", default=369, lowest=0, highest=999999, help="") == 7
