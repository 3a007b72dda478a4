"""The docs lead where they say: every link to a file, every picture of a page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pictures import DESK, FOLDER, OPEN, PAGES, ROOT

DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"(?:\]\(|src=\")([^)\"\s]+)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def _anchors(page: Path) -> set[str]:
    """The headings as GitHub names them."""
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(page.read_text()))
    return {each.replace(" ", "-") for each in words}


@pytest.mark.parametrize("page", DOCS, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = page if not name else (page.parent / name).resolve()
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), link


def test_every_page_is_pictured_light_and_dark_wide_and_narrow() -> None:
    wanted = {
        f"{name}-{shape}-{scheme}.jpg"
        for name in (*OPEN, *DESK, *PAGES)
        for shape in ("wide", "narrow")
        for scheme in ("light", "dark")
    }
    assert {path.name for path in FOLDER.iterdir()} == wanted
    shown = (ROOT / "docs" / "screens.md").read_text()
    assert set(re.findall(r"images/pages/([\w-]+\.jpg)", shown)) == wanted
