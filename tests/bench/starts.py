"""Start requests per second, against a bare view that inserts one row on the same server and database."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

from tests.bench import site
from tests.bench.world import Centre

SECONDS = 8
CONNECTIONS = 8
SCRIPT = """
wrk.method = "POST"
wrk.body = '{"_customer_number": "916504661232", "usr_customer_name": "Bob Markel", "usr_reason": "billing question"}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["x-api-key"] = "%s"
"""


def measure() -> list[tuple[str, str]]:
    centre = Centre()
    with site.web() as address, tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "start.lua"
        script.write_text(SCRIPT % centre.key)
        start = f"{address}/genesys/1/service/callback/{centre.service.name}"
        per_second(f"{address}/bare", script, seconds=1)
        per_second(start, script, seconds=1)
        # Taken in turns, so that whatever else the machine does falls on both.
        rates: dict[str, list[float]] = {"bare": [], "start": []}
        for _ in range(3):
            rates["bare"].append(per_second(f"{address}/bare", script, seconds=SECONDS))
            rates["start"].append(per_second(start, script, seconds=SECONDS))
    bare, start_rate = (sorted(rates[name])[1] for name in ("bare", "start"))
    return [
        ("bare view, one row, requests/s", f"{bare:.0f}"),
        ("start, requests/s", f"{start_rate:.0f}"),
        ("start against the bare view (aim >= 0.3)", f"{start_rate / bare:.2f}"),
    ]


def per_second(url: str, script: Path, *, seconds: int) -> float:
    """What wrk counts; an answer that is not 2xx is an error of the measurement."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(script), url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if refused := re.search(r"Non-2xx or 3xx responses: (\d+)", output):
        raise RuntimeError(f"{refused[1]} requests to {url} were refused")
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    if found is None:
        raise RuntimeError(output)
    return float(found[1])
