"""The pictures of the pages in docs/images/pages: each one light and dark, wide and narrow.

`python -m tests.pictures` starts the whole service on the simulator in a fresh folder, lets a contact centre work for a
few minutes, and photographs every page in Chromium. `python -m tests.pictures board calendar` makes only those.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from playwright.sync_api import Browser, FloatRect, Page, ViewportSize, sync_playwright

from callbacksite.embedded import free_port

if TYPE_CHECKING:
    from services.models import ConfiguredService

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "images" / "pages"
CHROMIUM, FLAGS = "/usr/bin/chromium", ["--no-sandbox", "--disable-dev-shm-usage"]
READY_SECONDS = 300.0
# So long the centre works before it is photographed.
WORK_SECONDS = 150.0
WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
# By name the address; `{callback}` is one that was called and not reached. For nobody, for an agent, for supervisors.
OPEN = {"login": "/login/", "lost-password": "/account/lost-password/"}
DESK = {"desk": "/desk/"}
PAGES = {
    "board": "/board/",
    "wall": "/board/?wall=1",
    "callbacks": "/callbacks/?range=today",
    "callback": "/callbacks/{callback}/",
    "create": "/callbacks/new/?service=sales-callback",
    "reschedule": "/callbacks/{scheduled}/reschedule/",
    "cancel": "/callbacks/{scheduled}/cancel/",
    "calendar": "/calendar/?service=sales-callback",
    "agents": "/agents/",
    "agent": "/agents/{agent}/",
    "pauses": "/pauses/",
    "pause": "/pauses/ask/?service=sales-callback",
    "jobs": "/jobs/",
    "job": "/jobs/{job}/",
    "reports": "/reports/",
    "what-if": "/what-if/",
    "estimates": "/estimates/",
    "notifications": "/notifications/",
    "dialled": "/callbacks/dialled/",
    "account": "/account/",
    "password": "/account/password/",
    "administration": "/admin/",
    "person": "/admin/auth/user/add/",
}
# The demo's agent, at whose desk one looks.
AGENT = "kate"
NUMBERS = ["00", "12", "27", "34", "41", "56", "63", "79", "80", "81", "82", "83", "84", "87", "88", "89", "92", "93"]


@contextmanager
def running(folder: Path, port: int) -> Iterator[None]:
    """The whole service, as `make run` starts it; its servers' addresses are in this process's environment."""
    environment = {name: text for name, text in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "callbacksite.run"],
        cwd=ROOT,
        env={**environment, "PORT": str(port), "LOCAL_DIR": str(folder)},
        stdout=(folder / "log").open("w"),
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + READY_SECONDS
        while "Ready on" not in (folder / "log").read_text():
            if process.poll() is not None or time.monotonic() > until:
                sys.exit((folder / "log").read_text())
            time.sleep(0.5)
        for line in (folder / "env").read_text().splitlines():
            name, _, text = line.partition("=")
            os.environ[name] = text.strip("'\"")
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def fill() -> None:
    """A centre with two lines of business, its week, callbacks of every kind, and agents who take them."""
    from django.utils import timezone

    from services.models import ConfiguredService
    from telephony import agents
    from telephony.models import Agent, AgentGroup, Switch, VirtualQueue

    now, chance = timezone.now(), random.Random(7)
    switch = Switch.objects.get()
    groups = [AgentGroup.objects.get_or_create(name=name)[0] for name in ("Sales", "Billing")]
    for number, name in enumerate(("ada", "ben", "carla", "dimitri", "elif", "femi", "grace", "hana")):
        agent = Agent.objects.create(name=name, switch=switch, sip_address=f"sim:{name}")
        groups[number % 2].agents.add(agent)
        if number < 5:
            agents.go_ready(agent, now)
        elif number < 7:
            agents.go_not_ready(agent, "Lunch" if number == 5 else "Training", now)
    VirtualQueue.objects.get_or_create(name="Sales_VQ")
    hours = {"_bh_regular1": "Mon-Sat 07:00-21:00", "_bh_regular2": "Sun 00:00-24:00", "_timezone": "Europe/Berlin"}
    hours_of_day = {f"{hour:02}00": 2 + hour % 4 for hour in range(24)}
    days = {f"_capacity_{number}": json.dumps({str(number): hours_of_day}) for number in range(1, 8)}
    capacity = {"_timezone": "Europe/Berlin", **days}
    ConfiguredService.objects.create(name="shop-hours", type="office-hours", configuration="Custom", options=hours)
    ConfiguredService.objects.create(name="shop-capacity", type="capacity", configuration="Custom", options=capacity)
    demo = ConfiguredService.objects.get(name="voice-userterm-immediate")
    sales = ConfiguredService.objects.create(
        name="sales-callback",
        type="callback",
        configuration="User Terminated Delayed",
        options={
            **demo.options,
            "_urs_virtual_queue": "Sales_VQ",
            "_target": "Sales@StatServer.GA",
            "_wait_for_user_confirm": "false",
            "_business_hours_service": "shop-hours",
            "_capacity_service": "shop-capacity",
            "_request_time_bucket": "30",
        },
    )
    for number in range(48):
        start(demo, chance, now, None)
        if number % 2:
            start(sales, chance, now, None)
    for _ in range(110):
        start(sales, chance, now, now + timedelta(hours=chance.triangular(1, 120, 20)))
    cancel_some(now)


def cancel_some(now: datetime) -> None:
    """What one supervisor has cancelled at once: the scheduled ones of one subject."""
    from django.contrib.auth.models import User
    from django.http import QueryDict
    from django.utils import timezone

    from callbacks.jobs import asking
    from callbacks.pages.view import View

    admin, query = User.objects.get(username="admin"), "range=next-30-days&state=SCHEDULED&data=subject%3DAddress"
    view = View.read(QueryDict(query), user=admin, now=now)
    asking.cancel_range(form=uuid4(), view=view, user=admin, as_of=timezone.now(), now=timezone.now())


def start(service: ConfiguredService, chance: random.Random, now: datetime, at: datetime | None) -> None:
    """One request; the number's last digits say how the customer behaves. One that is refused is none."""
    from callbacks import actions

    number = f"+4930{chance.randint(10**5, 10**6 - 1)}{chance.choice(NUMBERS)}"
    parameters = {"_customer_number": number, "subject": chance.choice(["Invoice", "New contract", "Address"])}
    with suppress(actions.NotAvailable):
        actions.start(service=service, parameters=parameters, desired_at=at, actor="client web-shop", now=now)


def photograph(browser: Browser, url: str, passwords: dict[str, str], names: list[str]) -> None:
    from callbacks.flow.states import Reason, State
    from callbacks.jobs.models import Job
    from callbacks.models import Callback
    from telephony.models import Agent

    ids = {
        "callback": Callback.objects.filter(reason=Reason.FAIL_CALL_TO_CUSTOMER).latest("created_at").pk,
        "scheduled": Callback.objects.filter(state=State.SCHEDULED).latest("desired_at").pk,
        "agent": Agent.objects.get(name="ada").pk,
        "job": Job.objects.latest("pk").pk,
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for shape, size in (("wide", WIDE), ("narrow", NARROW)):
        for scheme in schemes:
            for username, pages in (("", OPEN), (AGENT, DESK), ("admin", PAGES)):
                wanted = {name: path.format(**ids) for name, path in pages.items() if name in names}
                page = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce").new_page()
                if wanted and username:
                    sign_in(page, url, username, passwords[username])
                for name, path in wanted.items():
                    picture(page, url + path, FOLDER / f"{name}-{shape}-{scheme}.jpg", size)


def picture(page: Page, address: str, path: Path, size: ViewportSize) -> None:
    """At most two screens of a page."""
    answer = page.goto(address)
    if answer is None or not answer.ok:
        sys.exit(f"{address}: {answer and answer.status}")
    # A live part is fetched once more; what moves has moved.
    page.wait_for_timeout(700)
    height = min(page.evaluate("document.documentElement.scrollHeight"), 2 * size["height"])
    clip: FloatRect = {"x": 0, "y": 0, "width": size["width"], "height": height}
    page.screenshot(path=path, type="jpeg", quality=60, full_page=True, clip=clip)


def sign_in(page: Page, url: str, username: str, password: str) -> None:
    page.goto(f"{url}/login/")
    page.fill("#id_username", username)
    page.fill("#id_password", password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "/login/" not in address)


def main() -> None:
    import django

    names = sys.argv[1:] or [*OPEN, *DESK, *PAGES]
    if unknown := set(names) - {*OPEN, *DESK, *PAGES}:
        sys.exit(f"No such page: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="callbacksite-pictures-") as name:
        folder, port = Path(name), free_port()
        with running(folder, port):
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callbacksite.settings")
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
            django.setup()
            fill()
            time.sleep(WORK_SECONDS)
            passwords = json.loads((folder / "demo.json").read_text())["passwords"]
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
                photograph(browser, f"http://127.0.0.1:{port}", passwords, names)
                browser.close()


if __name__ == "__main__":
    main()
