"""Every option of the table does what it says, or stands in the one list of options without effect."""

from __future__ import annotations

import re
from pathlib import Path

from services.catalogue import CALLBACK_OPTIONS

ROOT = Path(__file__).resolve().parent.parent
# Where options are described, preset, checked against each other or filled in as an example: not where they act.
NOT_ACTING = {"configurations.py", "rules.py", "demo.py", "schema.py", "kinds.py", "forms.py"}


def acting() -> set[str]:
    """The option names that the product's code reads: `resolved["_ttl"]`, `resolve_one(service, "_ttl")`."""
    names: set[str] = set()
    for floor in ("callbacks", "telephony", "services"):
        for path in (ROOT / floor).rglob("*.py"):
            if path.name not in NOT_ACTING and not {"migrations", "catalogue"} & set(path.parts):
                names |= set(re.findall(r'(?:\[|, )"(_[a-z_]+)"', path.read_text()))
    return names


def without_effect() -> set[str]:
    """The list in docs/architecture.md."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    section = text.partition("have no effect yet:")[2].partition("A test compares")[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(_[a-z_]+)`", row)}


def test_every_option_acts_or_is_listed_as_having_no_effect() -> None:
    table = {option.name for option in CALLBACK_OPTIONS}
    assert without_effect() <= table
    assert table - acting() == without_effect()
