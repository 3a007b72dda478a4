"""`manage.py demo`: load the demo configuration, and make its sample call over the public API."""

from __future__ import annotations

import shlex
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils import timezone

from callbacks import demo
from callbacks.flow.states import Reason, State
from callbacks.models import Callback, JournalEntry
from services.models import ConfiguredService
from telephony import lease

# The request of seed 1, *Sample Request*.
REQUEST = {
    "_customer_number": "916504661232",
    "usr_customer_name": "Bob Markel",
    "usr_reason": "billing question",
    "_device_notification_id": "b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673",
    "_device_os": "iOS",
}
# What is shown at the end, and the names of their addresses.
_PAGES = (
    *(("A customer", "demo-page"), ("Callbacks", "callback-list")),
    *(("Agent's desk", "desk"), ("Admin", "admin:index")),
)
LISTENING_SECONDS = 15.0
CALL_SECONDS = 60.0
LOOK_SECONDS = 0.1


class Command(BaseCommand):
    help = "A demo configuration on the simulator (load), and one sample call in it (call)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["load", "call"])
        parser.add_argument("--folder", default=str(settings.BASE_DIR / ".local"), help="where the demo's secrets are")
        parser.add_argument("--url", default="http://127.0.0.1:8000", help="where the web listens (call)")

    def handle(self, *args: Any, **options: Any) -> None:
        folder, url = Path(options["folder"]), options["url"].rstrip("/")
        if options["verb"] == "load":
            try:
                demo.load(folder, timezone.now())
            except demo.NotHere as error:
                raise CommandError(str(error)) from error
            return
        known = demo.Secrets.read(folder)
        try:
            self._call(url, known.api_key)
        finally:
            self._show(url, known)

    def _call(self, url: str, key: str) -> None:
        """Submit a callback as any client does, and tell what happens to it until it is completed."""
        _wait_until_listening()
        path = ConfiguredService.objects.get(name=demo.IMMEDIATE).url_path
        begun = time.monotonic()
        callback_id = _submit(url + path, key)
        self.stdout.write(f"\nOne callback, requested over HTTP: {callback_id}")
        requested_at = Callback.objects.get(pk=callback_id).created_at
        for entry in _journal(callback_id, until=begun + CALL_SECONDS):
            seconds = (entry.at - requested_at).total_seconds()
            self.stdout.write(f"  {seconds:6.2f} s  {entry.state:<10} {entry.text}")
        end = Callback.objects.get(pk=callback_id)
        self.stdout.write(f"  {end.state}/{end.reason or '-'}")
        if end.reason != Reason.AGENT_CONNECTED:
            raise CommandError(
                f"The sample call should have ended as {State.COMPLETED}/{Reason.AGENT_CONNECTED} within "
                f"{CALL_SECONDS:.0f} s. Its timeline says why: {url}{_page(callback_id)}"
            )

    def _show(self, url: str, known: demo.Secrets) -> None:
        self.stdout.write(f"\nWeb            {url}/")
        for label, name in _PAGES:
            self.stdout.write(f"{label:<14} {url}{reverse(name)}")
        self.stdout.write(f"{'API':<14} {url}{reverse('api-docs')}\n\nLogins, only of this demo:")
        for name, what in (("admin", "administrator"), ("sam", "supervisor"), ("kate", "agent")):
            self.stdout.write(f"  {name:<6} {_password(name, known):<24} {what}")
        path = ConfiguredService.objects.get(name=demo.IMMEDIATE).url_path
        self.stdout.write(f"\nOne more callback:\n  {_curl(url + path, known.api_key)}\n")


def _wait_until_listening() -> None:
    """The web is ready first; a call before the telephony process listens would only be put off."""
    until = time.monotonic() + LISTENING_SECONDS
    while not lease.live_switches().filter(name=demo.SWITCH).exists():
        if time.monotonic() > until:
            raise CommandError(f"The telephony process does not listen to {demo.SWITCH}; its lines above say why.")
        time.sleep(LOOK_SECONDS)


def _submit(url: str, key: str) -> str:
    """Start a callback; its id."""
    # Without file names: parts of a form, as the seed's client sends them.
    parts: Mapping[str, tuple[None, str]] = {name: (None, value) for name, value in REQUEST.items()}
    try:
        answer = httpx2.post(url, files=parts, headers={"x-api-key": key}, timeout=10, trust_env=False)
    except httpx2.HTTPError as error:
        raise CommandError(f"POST {url}: {error}") from error
    if answer.status_code != 200:
        raise CommandError(f"POST {url} was answered with {answer.status_code}: {answer.text[:500]}")
    return str(answer.json()["_id"])


def _journal(callback_id: str, *, until: float) -> Iterator[JournalEntry]:
    """The callback's journal as it is written, up to its completion or that moment."""
    last = 0
    while True:
        # Asked first: what led to the end is then among the entries.
        over = Callback.objects.filter(pk=callback_id, state=State.COMPLETED).exists()
        for entry in JournalEntry.objects.filter(callback=callback_id, pk__gt=last).order_by("pk"):
            last = max(last, entry.pk)
            yield entry
        if over or time.monotonic() > until:
            return
        time.sleep(LOOK_SECONDS)


def _page(callback_id: str) -> str:
    return reverse("callback-detail", args=[callback_id])


def _password(name: str, known: demo.Secrets) -> str:
    """The password, as long as it is the one of the demo."""
    password = known.passwords.get(name, "")
    user = User.objects.filter(username=name).first()
    return password if user and password and check_password(password, user.password) else "(as you have set it)"


def _curl(url: str, key: str) -> str:
    """A line for the shell that requests one more callback."""
    fields = [("-F", f"{name}={value}") for name, value in REQUEST.items() if not name.startswith("_device")]
    return shlex.join(["curl", "-H", f"x-api-key: {key}", *(part for field in fields for part in field), url])
