"""The admin with a thousand services: its list and the form of one, as a warm process answers."""

from __future__ import annotations

import statistics
import time

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from services.models import ConfiguredService
from tests.bench.world import OPTIONS, Centre

SERVICES = 1000
ROUNDS = 15


def measure() -> list[tuple[str, str]]:
    centre = Centre()
    ConfiguredService.objects.bulk_create(
        ConfiguredService(
            name=f"service{n:04}",
            type="callback",
            configuration="User Terminated Immediate",
            # One in ten cannot work, and no two are alike.
            options={**(OPTIONS if n % 10 else {}), "_ttl": str(86_400 + n)},
        )
        for n in range(SERVICES - 1)
    )
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("bench"))
    changelist = reverse("admin:services_configuredservice_changelist")
    form = reverse("admin:services_configuredservice_change", args=[centre.service.pk])
    figures = [
        (f"list of {SERVICES} services, median ms (aim < 200)", milliseconds(client, changelist)),
        ("list of those that cannot work, median ms", milliseconds(client, f"{changelist}?state=broken")),
        ("form of one, median ms (aim < 200)", milliseconds(client, form)),
    ]
    User.objects.filter(username="bench").delete()
    return [(label, f"{figure:.0f}") for label, figure in figures]


def milliseconds(client: Client, url: str) -> float:
    """The median of some answers after the first two, which load templates and work out options."""
    took = []
    for _ in range(ROUNDS + 2):
        began = time.perf_counter()
        answer = client.get(url)
        took.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{url} answered {answer.status_code}")
    return statistics.median(took[2:])
