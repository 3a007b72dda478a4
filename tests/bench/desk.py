"""How many desks one worker of the web keeps up to date: refreshes per second, with and without news."""

from __future__ import annotations

import re
import statistics
import tempfile
import time
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from telephony import views
from telephony.models import Agent
from tests.bench import site, starts
from tests.bench.world import Centre

SECONDS = 6
SCRIPT = """
wrk.headers["HX-Request"] = "true"
wrk.headers["Cookie"] = "%s"
"""


def measure() -> list[tuple[str, str]]:
    centre = Centre()
    user = User.objects.create_user("bench-desk")
    agent = Agent.objects.create(name="bench-desk", user=user, switch=centre.switch, sip_address="sim:bench")
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    page = client.get("/desk/")
    seen = re.findall(r'"seen": "(\w+)"', page.content.decode())[0]
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    with site.web(workers=1) as address, tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "refresh.lua"
        script.write_text(SCRIPT % cookie)
        urls = {"unchanged": f"{address}/desk/?seen={seen}", "rendered": f"{address}/desk/?seen=other"}
        for url in urls.values():
            starts.per_second(url, script, seconds=1)
        rates: dict[str, list[float]] = {name: [] for name in urls}
        for _ in range(3):
            for name, url in urls.items():
                rates[name].append(starts.per_second(url, script, seconds=SECONDS))
    unchanged, rendered = (statistics.median(rates[name]) for name in ("unchanged", "rendered"))
    cpu = {name: milliseconds(client, value) for name, value in (("unchanged", seen), ("rendered", "other"))}
    agent.delete()
    user.delete()
    return [
        ("nothing new (204), requests/s", f"{unchanged:.0f}"),
        ("rendered, requests/s", f"{rendered:.0f}"),
        (
            f"desks that one worker keeps up to date, each asking every {views.SECONDS} s",
            f"{unchanged * views.SECONDS:.0f}",
        ),
        ("nothing new, ms of the processor in the web process", f"{cpu['unchanged']:.2f}"),
        ("rendered, ms of the processor in the web process", f"{cpu['rendered']:.2f}"),
    ]


def milliseconds(client: Client, seen: str) -> float:
    took = []
    for _ in range(200):
        began = time.thread_time()
        client.get("/desk/", {"seen": seen}, headers={"HX-Request": "true"})
        took.append((time.thread_time() - began) * 1000)
    return statistics.median(took)
