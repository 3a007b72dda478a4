"""The languages in which pages can be shown: those that have a compiled catalogue of texts (docs/people.md)."""

from __future__ import annotations

from pathlib import Path

from django.conf.locale import LANG_INFO


def available(folder: Path) -> list[tuple[str, str]]:
    """English, in which the texts are written, and what lies in the folder as `CODE/LC_MESSAGES/django.mo`.

    Django's own words exist in a hundred languages. Were those offered too, a page would be half in one of them.
    """
    codes = {path.parent.parent.name.replace("_", "-").lower() for path in folder.glob("*/LC_MESSAGES/django.mo")}
    return [("en", "English"), *((code, _name(code)) for code in sorted(codes - {"en"}))]


def _name(code: str) -> str:
    info = LANG_INFO.get(code) or LANG_INFO.get(code.partition("-")[0], {})
    return str(info.get("name_local", code))
