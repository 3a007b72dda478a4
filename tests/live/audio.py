"""Sounds that phones play, and what can be told of the sounds that they heard. Standard library only."""

from __future__ import annotations

import math
import subprocess
import tempfile
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

WINDOW_SECONDS = 0.1
FRAME_SECONDS = 0.02
# In frames: half a second, and what a jitter buffer drops or repeats at once on a machine that is short of time.
PIECE, SLIP = 25, 6
# Speech and tones in these tests are far above, comfort noise and rounding far below.
SILENCE_RMS = 0.002


@dataclass(frozen=True)
class Sound:
    """Mono samples between -1 and 1."""

    samples: tuple[float, ...]
    rate: int = 8000

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def __add__(self, other: Sound) -> Sound:
        assert self.rate == other.rate
        return Sound(self.samples + other.samples, self.rate)

    def part(self, begin: float, end: float) -> Sound:
        return Sound(self.samples[int(begin * self.rate) : int(end * self.rate)], self.rate)

    def rms(self) -> float:
        if not self.samples:
            return 0.0
        return math.sqrt(math.fsum(sample * sample for sample in self.samples) / len(self.samples))

    def windows(self, seconds: float) -> list[Sound]:
        size = int(seconds * self.rate)
        return [
            Sound(self.samples[start : start + size], self.rate)
            for start in range(0, len(self.samples) - size + 1, size)
        ]

    def tone_share(self, frequency: float) -> float:
        """How much of the power lies at this frequency, between 0 and 1 (Goertzel)."""
        power = math.fsum(sample * sample for sample in self.samples)
        if not self.samples or self.rms() < SILENCE_RMS:
            return 0.0
        turn = 2 * math.cos(2 * math.pi * frequency / self.rate)
        last = before = 0.0
        for sample in self.samples:
            last, before = sample + turn * last - before, last
        at_frequency = last * last + before * before - turn * last * before
        return min(1.0, 2 * at_frequency / (len(self.samples) * power))

    def seconds_of_tone(self, frequency: float) -> float:
        """For how long this tone was the main thing to be heard."""
        return WINDOW_SECONDS * sum(window.tone_share(frequency) > 0.4 for window in self.windows(WINDOW_SECONDS))

    def seconds_of_sound(self) -> float:
        return WINDOW_SECONDS * sum(window.rms() > SILENCE_RMS for window in self.windows(WINDOW_SECONDS))

    def first_sound(self) -> float | None:
        """When it began to be heard, in seconds from the start; None for silence."""
        for index, window in enumerate(self.windows(FRAME_SECONDS)):
            if window.rms() > SILENCE_RMS:
                return index * FRAME_SECONDS
        return None

    def loudness(self) -> list[float]:
        return [window.rms() for window in self.windows(FRAME_SECONDS)]

    def find(self, other: Sound) -> tuple[float, float]:
        """How well `other` is found in here (1: as it is, below 0.8: not), and at which second.

        Compares the loudness over time, which survives codecs and resampling, and which no other sentence shares. A
        phone that is short of time drops or repeats some frames: each half second may lie a little beside the one
        before. Two seconds or more: of one second, a single lost frame leaves too little that fits.
        """
        here, there = self.loudness(), other.loudness()
        best = (-1.0, 0)
        for start in range(len(here) - len(there) + 1):
            best = max(best, (correlation(here[start : start + len(there)], there), start))
        return max(best[0], _piecewise(here, there, best[1])), best[1] * FRAME_SECONDS

    def write(self, path: Path) -> Path:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(self.rate)
            file.writeframes(array("h", (int(sample * 32767) for sample in self.samples)).tobytes())
        return path


def _piecewise(here: list[float], there: list[float], start: int) -> float:
    """The correlation when each piece of `there` is laid where it fits best, at most `SLIP` from the one before."""
    laid: list[float] = []
    for begin in range(0, len(there), PIECE):
        piece = there[begin : begin + PIECE]
        shifts = [start + slip for slip in range(-SLIP, SLIP + 1)]
        fitting = [s for s in shifts if s + begin >= 0 and s + begin + len(piece) <= len(here)]
        if not fitting:
            return -1.0
        start = max(fitting, key=lambda s: correlation(here[s + begin : s + begin + len(piece)], piece))
        laid += here[start + begin : start + begin + len(piece)]
    return correlation(laid, there)


def correlation(left: list[float], right: list[float]) -> float:
    """Pearson's; 0 where either does not change."""
    mean_left, mean_right = math.fsum(left) / len(left), math.fsum(right) / len(right)
    up = math.fsum((one - mean_left) * (two - mean_right) for one, two in zip(left, right, strict=True))
    down = math.sqrt(
        math.fsum((one - mean_left) ** 2 for one in left) * math.fsum((two - mean_right) ** 2 for two in right)
    )
    return up / down if down else 0.0


def read(path: Path) -> Sound:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2), path
        samples = array("h", file.readframes(file.getnframes()))
        return Sound(tuple(sample / 32768 for sample in samples), file.getframerate())


def tone(frequency: float, seconds: float, *, level: float = 0.3, rate: int = 8000) -> Sound:
    step = 2 * math.pi * frequency / rate
    return Sound(tuple(level * math.sin(step * index) for index in range(int(seconds * rate))), rate)


def silence(seconds: float, *, rate: int = 8000) -> Sound:
    return Sound((0.0,) * int(seconds * rate), rate)


def speech(text: str) -> Sound:
    """The text as spoken by espeak-ng, at 22050 Hz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run(["espeak-ng", "-v", "en-us", "-w", str(path), text], check=True, timeout=20)
        return read(path)
