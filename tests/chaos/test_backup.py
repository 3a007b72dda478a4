"""A backup made during live traffic is restored, as docs/backup.md says, and the service goes on from it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from tests.chaos.clients import Clients
from tests.chaos.installation import ROOT, Installation
from tests.chaos.postgres import address, program
from tests.chaos.test_chaos import settle, wait_until
from tests.chaos.witness import WITNESS

pytestmark = pytest.mark.crash

SPEED = 5
AGENTS = [f"agent{number}" for number in range(6)]
OPTIONS = {"_dial_retry_timeout": "3", "_ixn_createcall_timeout": "10", "_wrap_up_time": "1"}
# An ordinary person, one who talks for a minute, one who is busy at the first attempt, one whom nobody answers for.
ENDINGS = ["10", "89", "92", "81", "88"]
SCHEDULED = 8
RANG = "SELECT leg FROM witness_ring"
LIVE = "SELECT count(*) FROM telephony_leg WHERE state = 'up'"


class Restored(Installation):
    """An installation on a backup. Telephony waits until it `may_ring`: without that process no phone is rung."""

    program = "tests.chaos.restore"
    may_ring = False

    def __init__(self, folder: Path, *, backup: Path, key: str) -> None:
        super().__init__(folder, speed=SPEED, agents=[])
        self.contents = {"backup": str(backup), "database": address(self.postgres), "key": key}

    def start(self, name: str) -> None:
        if name != "telephony" or self.may_ring:
            super().start(name)

    def is_listened_to(self) -> bool:
        return not self.may_ring or super().is_listened_to()


def back_up(service: Installation, backup: Path) -> float:
    """Write the backup; the seconds that took."""
    begun = time.monotonic()
    subprocess.run(
        [program("pg_dump"), "--format=custom", f"--file={backup}", f"--dbname={address(service.postgres)}"],
        check=True,
    )
    return time.monotonic() - begun


def schedule(service: Installation, number: str, at: datetime) -> str:
    answer = httpx2.post(
        service.url,
        data={"_customer_number": number, "_desired_time": at.strftime("%Y-%m-%dT%H:%M:%S.000Z")},
        headers={"x-api-key": service.key},
        timeout=20,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    identity: str = answer.json()["_id"]
    return identity


def manage(service: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": service.postgres.url, "REDIS_URL": service.redis.url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_backup_of_a_busy_service_goes_on_after_a_disaster(tmp_path: Path) -> None:
    """1. Back up while phones ring, people talk and others are scheduled. 2. Lose the database and all calls a moment
    later. 3. Restore; look at who was called since; then let it go on."""
    backup = tmp_path / "callbacksite.dump"
    with Installation(tmp_path / "lost", speed=SPEED, agents=AGENTS, **OPTIONS) as lost:
        lost.query(WITNESS)
        soon = datetime.now(UTC) + timedelta(seconds=15)
        called_since = schedule(lost, "442088000010", soon)
        later = [
            schedule(lost, f"44208800{position:02}88", datetime.now(UTC) + timedelta(seconds=50))
            for position in range(SCHEDULED)
        ]
        numbers = [f"4420{position:06}{ENDINGS[position % len(ENDINGS)]}" for position in range(60)]
        clients = Clients(lost.url, lost.key, numbers, rate=6)
        wait_until(lambda: clients.answered >= 30 and lost.number(LIVE) > 6, seconds=60)
        took = back_up(lost, backup)
        clients.join()
        # What happened after the backup was made is not in it, and happened all the same.
        wait_until(
            lambda: bool(lost.number("SELECT count(*) FROM witness_ring WHERE leg LIKE %s", f"cb-{called_since}-%")),
            seconds=60,
        )
        key = lost.key
        rung_before_the_loss = {leg for (leg,) in lost.query(RANG)}

    with Restored(tmp_path / "restored", backup=backup, key=key) as service:
        # The switch knows nothing of those calls any more.
        service.query("TRUNCATE telephony_simulatedleg, telephony_simulatedhappening")
        in_backup = dict(service.query("SELECT id, state FROM callbacks_callback"))
        rung_in_backup = {leg for (leg,) in service.query(RANG)}
        states = dict(service.query("SELECT state, count(*) FROM telephony_leg GROUP BY state"))
        # Everybody whom the backup knows stands there for supervisors to look at, and nobody is rung.
        time.sleep(4)
        assert {leg for (leg,) in service.query(RANG)} == rung_in_backup
        assert in_backup[called_since] in {"SCHEDULED", "QUEUED"}
        cancelled = httpx2.delete(
            f"{service.url}/{called_since}", headers={"x-api-key": key}, timeout=20, trust_env=False
        )
        assert cancelled.status_code == 200, cancelled.text

        service.may_ring = True
        service.start("telephony")
        wait_until(service.is_listened_to, seconds=60)
        # A callback that comes now is served like any other.
        fresh = Clients(service.url, key, ["442099999988"], rate=1)
        fresh.join()
        settled = settle(service, service.revive)
        ends = dict(service.query("SELECT id, reason FROM callbacks_callback"))
        rings = dict(service.query("SELECT leg, count(*) FROM witness_ring GROUP BY leg"))
        again = (rings.keys() - rung_in_backup) & rung_before_the_loss
        audit = manage(service, "audit")
        sys.stdout.write(
            f"backup in {took:.1f} s of {len(in_backup)} callbacks, legs {states}; {len(rung_before_the_loss)} legs "
            f"rung before the loss, {len(rung_in_backup)} of them in the backup; settled {settled:.1f} s later; "
            f"{len(again)} attempts made again that the backup did not know\n{audit.stdout}{audit.stderr}"
        )

    # The backup was made with people on the line.
    assert states["up"] > 0
    # No attempt that the backup knows rang again, and no attempt rang twice on the restored service.
    assert [leg for leg, count in rings.items() if count > 1] == []
    # Who was called after the backup was made, and was cancelled by hand before telephony was started, was not rung.
    assert ends[called_since] == "CANCELLED"
    assert [leg for leg in rings if called_since in leg] == []
    # The scheduled ones were called at their time, the new one too; everything has come to its end.
    assert [ends[each] for each in later] == ["AGENT_CONNECTED"] * SCHEDULED
    assert ends[fresh.starts[0].id] == "AGENT_CONNECTED"
    assert in_backup.keys() <= ends.keys()
    assert all(ends.values())
    assert audit.returncode == 0
