"""`make bench`: figures of speed, all measured in one run on one machine."""

from __future__ import annotations

import argparse
import importlib
import os

from tests.bench import site

MEASUREMENTS = {
    "starts": "Start requests",
    "throughput": "Whole callbacks on the simulator",
    "bookings": "Bookings, and what is offered",
    "resolve": "Options of a service",
    "configure": "Configuration by file",
    "invite": "From the request to the INVITE on the wire",
    "routing": "An agent turns ready beside ten thousand who wait",
    "estimates": "What one who waits can expect beside ten thousand others",
    "queries": "Queries of the API beside a million callbacks",
    "export": "Lists given out as files",
    "reports": "Reports of a year",
    "lists": "The supervisors' list beside a million callbacks",
    "audit": "The audit",
    "admin": "The admin with a thousand services",
    "board": "The board of 50 queues and 1,000 agents",
    "desk": "The agent desk's refresh, one worker of the web",
    "scheduling": "Starting at the right moment, and removing what is over",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASUREMENTS, []], help="all of them when none is named")
    names = parser.parse_args().names or list(MEASUREMENTS)
    print(f"{os.cpu_count()} cores")
    with site.installation():
        for name in names:
            print(f"\n{MEASUREMENTS[name]}")
            for label, figure in importlib.import_module(f"tests.bench.{name}").measure():
                print(f"  {label:<84}{figure:>10}", flush=True)


if __name__ == "__main__":
    main()
