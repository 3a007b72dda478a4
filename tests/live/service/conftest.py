"""One contact centre on the live Asterisk for all tests of the whole service: starting it takes longer than a test.

In a folder of its own, so that it has ended before or begins after the tests that listen to Asterisk by themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import audio
from tests.live.asterisk import Asterisk
from tests.live.centre import Centre
from tests.live.phones import Phones
from tests.live.service.tones import AGENT, CONNECT, CUSTOMER, WAITING

SKILLS = {"kate": {"English": 30}, "bob": {"English": 10, "Loans": 5}, "eve": {"Loans": 20}}


@pytest.fixture(scope="package")
def centre(running_asterisk: Asterisk, phones: Phones, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    running_asterisk.add_sound("live/connect.wav", audio.tone(CONNECT, 1.0))
    running_asterisk.add_sound("live/waiting.wav", audio.tone(WAITING, 2.0))
    agents = {name: phones.agent(name).sip_address for name in SKILLS}
    with Centre(tmp_path_factory.mktemp("centre"), running_asterisk, agents, SKILLS) as centre:
        yield centre


@pytest.fixture(scope="package")
def voices(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What people say: a customer says hello and hums their tone later, one who calls hums at once; an agent hums
    theirs; a machine greets.
    """
    folder = tmp_path_factory.mktemp("voices")
    word = audio.speech("Hello?")
    hello = audio.silence(0.3, rate=word.rate) + word
    words = audio.speech(
        "You have reached the Miller family. We are not at home now. Please leave a message after the tone."
    )
    return {
        "hello": hello.write(folder / "hello.wav"),
        "customer": (hello + audio.silence(4, rate=word.rate) + audio.tone(CUSTOMER, 30, rate=word.rate)).write(
            folder / "customer.wav"
        ),
        "caller": audio.tone(CUSTOMER, 40).write(folder / "caller.wav"),
        "agent": audio.tone(AGENT, 40).write(folder / "agent.wav"),
        "machine": (words + audio.silence(0.8, rate=words.rate) + audio.tone(1000, 0.7, rate=words.rate)).write(
            folder / "machine.wav"
        ),
    }
