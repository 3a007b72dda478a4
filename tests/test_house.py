"""Rules of the house that no single module can keep."""

from __future__ import annotations

import ast
import fnmatch
from pathlib import Path

import pytest
from django.conf import settings
from django_celery_beat import schedulers
from django_celery_beat.models import PeriodicTask

from callbacksite.celery import app
from scheduling.beat import Scheduler
from scheduling.periodic import BEAT_SCHEDULE

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


@pytest.mark.django_db
def test_beat_asks_for_what_the_periodic_table_names_and_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    # Beat would close the connection, and with it the test's transaction.
    monkeypatch.setattr(schedulers, "close_old_connections", lambda: None)
    Scheduler(app=app, lazy=True).setup_schedule()
    stored = {task.name: task for task in PeriodicTask.objects.select_related("interval")}
    assert set(stored) == set(BEAT_SCHEDULE)
    for name, entry in BEAT_SCHEDULE.items():
        task = stored[name]
        assert task.task in own_tasks(), name
        assert task.interval.schedule.run_every.total_seconds() == entry["schedule"]
        assert task.description.endswith("."), f"{name}: say what it is for"
        # One that nobody took in time is not made up for: they do not pile up.
        assert task.expire_seconds is not None, name
        assert 0 < task.expire_seconds <= max(10, entry["schedule"]), name


def test_only_the_periodic_table_makes_a_task_periodic() -> None:
    assert settings.CELERY_BEAT_SCHEDULE is BEAT_SCHEDULE
    makers = {"add_periodic_task", "beat_schedule", "CELERY_BEAT_SCHEDULE", "PeriodicTask"}
    for path in SOURCES:
        names = {getattr(node, "attr", getattr(node, "id", "")) for node in ast.walk(ast.parse(path.read_text()))}
        assert not names & makers or path == ROOT / "callbacksite" / "settings.py", path


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
