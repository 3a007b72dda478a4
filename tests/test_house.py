"""Rules of the house that no single module can keep."""

from __future__ import annotations

import ast
import fnmatch
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from callbacksite.celery import app

ROOT = Path(settings.BASE_DIR)
PACKAGES = ("callbacks", "telephony", "scheduling", "services", "callbacksite")
QUEUES = {"flow", "outside", "clock", "sweeps"}
# Beside environment.py only what runs before the settings, or runs other programs, may look at the environment.
READERS = {
    "callbacksite/celery.py",
    "callbacksite/embedded.py",
    "callbacksite/environment.py",
    "callbacksite/run.py",
    "callbacksite/wsgi.py",
}
SOURCES = sorted(
    path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts
)


def own_tasks() -> list[str]:
    app.loader.import_default_modules()
    return sorted(name for name in app.tasks if name.split(".")[0] in PACKAGES)


def test_every_task_is_routed_to_a_queue_that_somebody_serves() -> None:
    assert own_tasks()
    for name in own_tasks():
        routes = [route for pattern, route in settings.CELERY_TASK_ROUTES.items() if fnmatch.fnmatch(name, pattern)]
        assert len(routes) == 1, f"{name} needs exactly one route, has {routes}"
        assert routes[0]["queue"] in QUEUES


def test_every_periodic_task_exists_and_does_not_pile_up() -> None:
    schedule: dict[str, Any] = settings.CELERY_BEAT_SCHEDULE
    for name, entry in schedule.items():
        assert entry["task"] in own_tasks(), name
        assert entry["options"]["expires"] > 0, f"{name}: a tick missed is not made up for"


def test_make_run_serves_every_queue() -> None:
    from callbacksite.run import commands

    served = {
        queue
        for command in commands(8000).values()
        for argument in command
        if argument.startswith("--queues=")
        for queue in argument.removeprefix("--queues=").split(",")
    }
    assert served == QUEUES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_environment_is_read_in_one_place(path: Path) -> None:
    if str(path.relative_to(ROOT)) in READERS:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        names = {node.attr} if isinstance(node, ast.Attribute) else set()
        if isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names}
        found = names & {"environ", "getenv", "environb"}
        assert not found, f"{path}: line {getattr(node, 'lineno', 0)} reads the environment; add a setting instead"
