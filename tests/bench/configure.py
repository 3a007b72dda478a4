"""manage.py configure with 1,000 services: new ones, the same again, and each with another value."""

from __future__ import annotations

import io
import json
import tempfile
import time
from pathlib import Path

from django.core.management import call_command

from services.configuration import exporting
from services.models import Change, ConfiguredService
from tests.bench.world import OPTIONS, Centre

SERVICES = 1000


def measure() -> list[tuple[str, str]]:
    Centre()
    ConfiguredService.objects.all().delete()
    added = _seconds(ttl=86_400)
    again = _seconds(ttl=86_400)
    changed = _seconds(ttl=604_800)
    begun = time.perf_counter()
    exporting.as_yaml()
    exported = time.perf_counter() - begun
    ConfiguredService.objects.all().delete()
    Change.objects.all().delete()
    return [
        (f"{SERVICES} services added, s (aim < 10)", f"{added:.2f}"),
        ("the same file again, s", f"{again:.2f}"),
        ("one option of each changed, s", f"{changed:.2f}"),
        ("exported as YAML, s", f"{exported:.2f}"),
    ]


def _seconds(*, ttl: int) -> float:
    """The command as a whole, reading the YAML file included."""
    options = {**OPTIONS, "_ttl": ttl, "_dial_retry_timeout": 30, "_max_dial_attempts": 5, "_cpd_enable": True}
    service = {"configuration": "User Terminated Immediate", "options": options}
    # JSON is YAML as well; indented by a comment it is read as such.
    text = "# services\n" + json.dumps({"services": {f"service-{n}": service for n in range(SERVICES)}}, indent=1)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        Path(file.name).write_text(text)
        begun = time.perf_counter()
        call_command("configure", file.name, stdout=io.StringIO(), stderr=io.StringIO())
        return time.perf_counter() - begun
