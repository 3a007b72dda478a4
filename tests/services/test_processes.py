"""What is configured in one process counts at once in another, whose caches are warm."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import connection

from services.configuration import applying

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
# A process as a worker is one: set up once, it resolves the service whenever it is asked to.
READER = """
import sys, django
django.setup()
from services import resolution
from services.models import ConfiguredService
for line in sys.stdin:
    service = ConfiguredService.objects.filter(name="voice").first()
    found = service and [resolution.resolve_one(service, name) for name in line.split()]
    print(*(found or ["no service"]), flush=True)
"""


@pytest.fixture
def kinds_of_higher_floors() -> None:
    """The real ones, instead of this folder's doubles."""


@pytest.fixture
def other() -> Iterator[subprocess.Popen[str]]:
    stored = connection.settings_dict
    url = f"postgres://{stored['USER']}:{stored['PASSWORD']}@/{stored['NAME']}?host={stored['HOST']}&port={stored['PORT']}"
    process = subprocess.Popen(
        [sys.executable, "-c", READER],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "DATABASE_URL": url},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def test_a_change_counts_at_once_in_another_process(other: subprocess.Popen[str]) -> None:
    def asked() -> str:
        assert other.stdin
        assert other.stdout
        print("_ttl _throttle_ttl_1", file=other.stdin, flush=True)
        answer: str = other.stdout.readline()
        return answer.strip()

    def configure(**parts: object) -> None:
        applying.apply(parts, actor="configure", now=NOW, prune=True)

    assert asked() == "no service"
    configure(services={"voice": {}})
    assert asked() == "86400 300"
    configure(services={"voice": {"options": {"_ttl": "60"}}})
    assert asked() == "60 300"
    configure(sections={"callback": {"_throttle_ttl_1": "9"}})
    assert asked() == "60 9"
    configure(sections={"callback": {"_throttle_ttl_1": "10"}})
    assert asked() == "60 10"
    configure(sections={})
    assert asked() == "60 300"
    configure(services={})
    assert asked() == "no service"
