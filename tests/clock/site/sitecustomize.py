"""Put into Python's path of processes under libfaketime, which is imported before anything else.

Their CLOCK_MONOTONIC is real, so that nothing times out when the clock is moved; but with that, Debian's libfaketime
0.9.10 turns the absolute times to which Python 3.11's `time.sleep` sleeps into negative ones (wolfcw/libfaketime#426).
"""

import select
import time
from typing import SupportsIndex


def sleep(seconds: float | SupportsIndex, /) -> None:
    seconds = float(seconds)
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = sleep
