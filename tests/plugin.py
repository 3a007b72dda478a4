"""PostgreSQL and Redis for the tests, started before anything of Django is read.

One of each serves all of pytest-xdist's processes, which inherit the addresses; pytest-django gives every process a
database of its own. Where DATABASE_URL or REDIS_URL is set, that server is used instead.

With CI=true a skipped test is a failed one: nothing that is required may be left out silently.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

if TYPE_CHECKING:
    from _pytest.reports import CollectReport, TestReport

Report = TypeVar("Report", "TestReport", "CollectReport")

# What may be lost in a power cut is remade by the next run.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_running = contextlib.ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Generator[None]:
    # A wrapper, because pytest-django reads the settings in this very hook, as early as it can.
    if "PYTEST_XDIST_WORKER" not in os.environ:
        from callbacksite.embedded import servers

        folder = _running.enter_context(tempfile.TemporaryDirectory(prefix="callbacksite-test-"))
        os.environ.update(_running.enter_context(servers(Path(folder), FAST)))
    return (yield)


def pytest_unconfigure() -> None:
    _running.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, TestReport, TestReport]:
    return _required((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, CollectReport, CollectReport]:
    return _required((yield))


def _required(report: Report) -> Report:
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"Skipped, but required here (CI=true): {report.longrepr}"
    return report
