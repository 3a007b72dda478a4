"""From the start request to the INVITE on the wire, against a plain create and dial on the same Asterisk (as root)."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import httpx2

from callbacks.models import JournalEntry
from telephony.asterisk import AsteriskSwitch
from telephony.models import RoutePoint, Switch
from telephony.switch import LegRequest
from tests.bench import site
from tests.bench.world import Centre
from tests.live.asterisk import Asterisk
from tests.live.conftest import DEFAULT_ROOT, MAKE_ROOT
from tests.live.hearing import Hearing
from tests.live.sipp import Answering

CALLS = 100
# Each call is answered and over before the next one begins: SIPp's scenario knows no CANCEL.
RING_SECONDS = 0.02
ANSWERED_SECONDS = 0.1


def measure() -> list[tuple[str, str]]:
    if os.geteuid() != 0:
        return [("needs root: Asterisk runs in a root folder of its own", "-")]
    root = Path(os.environ.get("ASTERISK_ROOT", DEFAULT_ROOT))
    subprocess.run([str(MAKE_ROOT), str(root)], check=True)
    asterisk = Asterisk(root, customers_port=5060, agents_port=5061)
    asterisk.prepare()
    try:
        asterisk.start()
        with (
            tempfile.TemporaryDirectory() as folder,
            Answering(asterisk.bench_port, Path(folder), RING_SECONDS) as sipp,
        ):
            plain = of_plain_calls(asterisk, sipp)
            product = of_requests(asterisk, sipp)
    finally:
        asterisk.kill()
        asterisk.remove()
    return [
        ("plain create and dial to INVITE, ms, p50 / p95", f"{share(plain, 50):.1f} / {share(plain, 95):.1f}"),
        ("start request to INVITE, ms, p50 / p95", f"{share(product, 50):.1f} / {share(product, 95):.1f}"),
        ("more than plain, ms, p50 (aim <= 50)", f"{share(product, 50) - share(plain, 50):.1f}"),
    ]


def share(delays: list[float], percent: int) -> float:
    return sorted(delays)[len(delays) * percent // 100] * 1000


def of_plain_calls(asterisk: Asterisk, sipp: Answering) -> list[float]:
    """Create and dial, one call after the other, with the application listened to as it must be."""
    hearing = Hearing(asterisk.row)
    hearing.snapshot()
    switch = AsteriskSwitch(asterisk.row)
    delays = []
    for number in range(49301000, 49301000 + CALLS):
        leg = f"cb-plain-{number}"
        begun = time.time()
        switch.create_leg(LegRequest(leg, asterisk.bench_trunk.format(number=number)))
        switch.dial_leg(leg, timeout=10)
        delays.append(rung(sipp, number) - begun)
        time.sleep(ANSWERED_SECONDS)
        switch.delete_leg(leg)
    switch.close()
    hearing.close()
    return delays


def of_requests(asterisk: Asterisk, sipp: Answering) -> list[float]:
    """The same through the whole service: POST, commit, kick, worker, permit, create, dial."""
    centre = Centre()
    Switch.objects.filter(pk=centre.switch.pk).update(kind=Switch.Kind.ASTERISK, **vars(asterisk.row))
    RoutePoint.objects.update(endpoint=asterisk.bench_trunk)
    delays = []
    with site.web() as address, site.backstage(), httpx2.Client(headers={"x-api-key": centre.key}) as client:
        url = f"{address}/genesys/1/service/callback/{centre.service.name}"
        site.wait_until_listened_to()
        for number in range(49302000, 49302000 + CALLS):
            begun = time.time()
            answer = client.post(url, data={"_customer_number": str(number)})
            answer.raise_for_status()
            delays.append(rung(sipp, number) - begun)
            time.sleep(ANSWERED_SECONDS)
            client.delete(f"{url}/{answer.json()['_id']}").raise_for_status()
    return delays


def rung(sipp: Answering, number: int) -> float:
    """When the phone was rung, in Unix time."""
    until = time.monotonic() + 10
    while str(number) not in (invites := sipp.invites()):
        if time.monotonic() > until:
            said = list(JournalEntry.objects.order_by("-id").values_list("at", "text")[:5])
            raise RuntimeError(f"{number} was not rung: {said}")
        time.sleep(0.005)
    return invites[str(number)]
