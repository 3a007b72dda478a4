"""A real Asterisk and real phones, once a test run; what a test leaves on them is removed after it.

`asterisk` and `phones` are what tests of the whole system need: `asterisk.row` has the fields of a `Switch` row,
`asterisk.trunk` and `asterisk.dead_trunk` go into `RoutePoint.endpoint`, `phones.customer()` is somebody behind the
trunk, `phones.agent("kate").sip_address` goes into `Agent.sip_address`. `switch` and `hearing` are the contract without
the rest of the system.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from telephony.asterisk import AsteriskSwitch
from tests.live.asterisk import Asterisk, free_port, free_ports
from tests.live.hearing import Hearing
from tests.live.phones import Phones

MAKE_ROOT = Path(__file__).with_name("make-root")
DEFAULT_ROOT = "/var/tmp/callbacksite-asterisk-22"  # noqa: S108 (kept between runs on purpose; root only)


@pytest.fixture(scope="session")
def asterisk_root() -> Path:
    """Debian's Asterisk 22 in a folder, made on the first run (about a minute)."""
    if os.geteuid() != 0:
        pytest.fail("the live tests need root: Asterisk runs in a root folder of its own")
    root = Path(os.environ.get("ASTERISK_ROOT", DEFAULT_ROOT))
    subprocess.run([str(MAKE_ROOT), str(root)], check=True, timeout=900)
    return root


@pytest.fixture(scope="session")
def phones(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phones]:
    lines = [(free_port(socket.SOCK_DGRAM), free_ports(*rtp)) for rtp in ((22000, 27000), (27000, 32600))]
    phones = Phones(tmp_path_factory.mktemp("phones"), *lines)
    phones.start()
    yield phones
    phones.stop()


@pytest.fixture(scope="session")
def running_asterisk(
    asterisk_root: Path, phones: Phones, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asterisk]:
    asterisk = Asterisk(asterisk_root, phones.customers.sip_port, phones.agents.sip_port)
    asterisk.prepare()
    try:
        asterisk.start()
        yield asterisk
    finally:
        asterisk.kill()
        shutil.copy(asterisk.log, tmp_path_factory.mktemp("asterisk"))
        asterisk.remove()


@pytest.fixture
def asterisk(running_asterisk: Asterisk, phones: Phones) -> Iterator[Asterisk]:
    """The switch, running and without calls; after the test nothing is left on it."""
    yield running_asterisk
    if not running_asterisk.alive:
        running_asterisk.start()
    running_asterisk.clear()
    phones.clear()


@pytest.fixture
def switch(asterisk: Asterisk) -> Iterator[AsteriskSwitch]:
    switch = AsteriskSwitch(asterisk.row)
    yield switch
    switch.close()


@pytest.fixture
def hearing(asterisk: Asterisk) -> Iterator[Hearing]:
    """The switch's events, collected from the first snapshot on."""
    hearing = Hearing(asterisk.row)
    hearing.snapshot()
    yield hearing
    hearing.close()
