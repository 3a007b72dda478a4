"""Everything that is configured, as a configuration file."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from services import documents

try:
    from yaml import CSafeDumper as SafeDumper
except ImportError:  # a PyYAML without libyaml; slower
    from yaml import SafeDumper  # type: ignore[assignment]

HEADER = """\
# Made by manage.py export_configuration; manage.py configure reads it. Secrets, such as passwords, are not shown: a
# configure leaves those that are stored as they are.
"""

# What some reader of YAML, old or new, takes for something else than a text.
_NO_TEXT = re.compile(r"(?i)~|null|true|false|yes|no|on|off|y|n|<<|=|[-+]?\.?[0-9].*|[-+]?\.(inf|nan)")


class _Dumper(SafeDumper):
    pass


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "'" if _NO_TEXT.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def tree() -> dict[str, Any]:
    """The file as one mapping, in a fixed order; also parts that are empty, so that --prune makes an exact copy."""
    return {
        part.name: list(_elements(part).values()) if part.is_list else _elements(part) for part in documents.parts()
    }


def _elements(part: documents.Part) -> dict[str, object]:
    found = sorted((part.key(row), part.exported(row)) for row in part.rows())
    return {name: part.element(name, document) for name, document in found}


def as_yaml() -> str:
    return HEADER + yaml.dump(tree(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def as_json() -> str:
    return json.dumps(tree(), indent=2, ensure_ascii=False) + "\n"
