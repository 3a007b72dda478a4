"""What stands in deploy/ fits the code: commands, queues, variables, paths; and its own tools accept it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml
from django.conf import settings

from callbacksite import environment
from callbacksite.embedded import free_port
from callbacksite.run import commands

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
# Of the images of others, and of libpq.
FOREIGN = {"PGOPTIONS", "POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "ARI_PASSWORD"}
OURS = {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "callbacksite"}


def essence(command: list[str]) -> tuple[str, ...]:
    """What a process does, whatever Python starts it and however large it is: its program, its task, its queues."""
    words = [Path(word).name for word in command]
    if "gunicorn" in words:
        return ("gunicorn",)
    if "celery" in words:
        pool = {word for word in words if word.startswith(("--queues=", "--pool=", "--without-", "--max-interval="))}
        return ("celery", "beat" if "beat" in words else "worker", *sorted(pool), *sorted({"--pidfile="} & set(words)))
    return tuple(words[words.index("manage.py") :])


# The processes that `make run` starts are all that there are.
KNOWN = {essence(command) for command in commands(8000).values()}


def values(unit: Path, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit.read_text(), re.MULTILINE)


def test_the_units_start_every_process() -> None:
    assert {essence(shlex.split(values(unit, "ExecStart")[0])) for unit in SERVICES} == KNOWN


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_always_starts_its_process_again(unit: Path) -> None:
    assert values(unit, "Restart") == ["always"]
    assert values(unit, "StartLimitIntervalSec") == ["0"]
    assert values(unit, "WantedBy") == ["callbacksite.target"]
    assert values(unit, "PartOf") == ["callbacksite.target"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
class TestSystemd:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """The units, with programs that exist."""
        program = tmp_path / "program"
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        for unit in UNITS:
            text = re.sub(r"^ExecStart=\S+", f"ExecStart={program}", unit.read_text(), flags=re.MULTILINE)
            (tmp_path / unit.name).write_text(text)
        return tmp_path

    @pytest.mark.parametrize("name", [unit.name for unit in UNITS])
    def test_a_unit_is_understood(self, folder: Path, name: str) -> None:
        if "@" in name:
            (folder / name.replace("@", "@1")).symlink_to(folder / name)
            name = name.replace("@", "@1")
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", folder / name], capture_output=True, text=True, check=False
        )
        ours = [line for line in done.stderr.splitlines() if "callbacksite" in line]
        assert (done.returncode, ours) == (0, []), done.stderr

    @pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
    def test_a_process_may_do_little(self, folder: Path, unit: Path) -> None:
        """systemd's own measure of exposure, from 0 (none) to 10."""
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes", "--no-pager", folder / unit.name],
            capture_output=True,
            text=True,
            check=False,
        )
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        assert found, done.stdout + done.stderr
        assert float(found[1]) <= 2.0


def test_the_compose_file_starts_every_process() -> None:
    started = {essence(service["command"]) for service in OURS.values()}
    assert started == KNOWN | {("manage.py", "migrate")}
    assert [essence(service["command"]) for service in OURS.values()].count(("manage.py", "telephony")) == 2


def test_nothing_starts_before_the_database_is_migrated() -> None:
    for name, service in OURS.items():
        conditions = {needs: how["condition"] for needs, how in service["depends_on"].items()}
        if name == "migrate":
            assert conditions == {"postgres": "service_healthy", "redis": "service_healthy"}
        else:
            assert conditions == {"migrate": "service_completed_successfully"}


def test_variables_are_ones_that_somebody_reads() -> None:
    set_here = {name for service in COMPOSE["services"].values() for name in service.get("environment", {})}
    example = set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    assert set_here | example <= environment.VARIABLES.keys() | FOREIGN | {"REDISCLI_AUTH"}
    asked = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    assert asked <= example
    for unit in SERVICES:
        names = {text.partition("=")[0] for text in values(unit, "Environment")}
        assert names <= environment.VARIABLES.keys() | {"PYTHONUNBUFFERED"}


@pytest.mark.parametrize("path", ["deploy/Dockerfile", "deploy/asterisk/Dockerfile"])
def test_an_image_copies_what_is_there(path: str) -> None:
    copies = re.findall(r"^COPY (.+) \S+$", (ROOT / path).read_text(), re.MULTILINE)
    assert copies
    for sources in copies:
        for source in sources.split():
            assert (ROOT / source).exists(), source
    packages = {app for app in settings.INSTALLED_APPS if "." not in app and (ROOT / app).is_dir()}
    if path == "deploy/Dockerfile":
        assert packages <= {source for sources in copies for source in sources.split()}


def test_services_are_built_and_mounted_from_what_is_there() -> None:
    for service in COMPOSE["services"].values():
        if build := service.get("build"):
            assert (DEPLOY / build["context"]).resolve() == ROOT
            assert (ROOT / build["dockerfile"]).is_file()
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), source


@pytest.mark.skipif(not shutil.which("docker-compose"), reason="needs Debian's docker-compose")
def test_compose_understands_its_file(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text((DEPLOY / "compose.yaml").read_text())
    (tmp_path / ".env").write_text(re.sub(r"=$", "=abc", (DEPLOY / "env.example").read_text(), flags=re.MULTILINE))
    done = subprocess.run(
        ["docker-compose", "--file", "compose.yaml", "config", "--quiet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@contextlib.contextmanager
def web(**environment: str) -> Iterator[tuple[str, Path]]:
    """gunicorn with our configuration, before an application that repeats two headers; and its log."""
    port = free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "echo.py").write_text(
            "def application(environ, start):\n"
            "    if environ['PATH_INFO'] == '/unchanged':\n"
            "        start('204 No Content', [])\n"
            "        return []\n"
            "    start('200 OK', [('Content-Type', 'text/plain')])\n"
            "    if environ['PATH_INFO'] == '/long':\n"
            "        return [b'x' * 8123]\n"
            "    names = ('HTTP_GMS_USER', 'HTTP_X_FORWARDED_FOR', 'wsgi.url_scheme')\n"
            "    return [repr([environ.get(name) for name in names]).encode()]\n"
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "echo"],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": name, "WEB_BIND": f"127.0.0.1:{port}", **environment},
                stdout=log,
                stderr=log,
            )
        try:
            until = time.monotonic() + 30
            while "Booting worker" not in (folder / "log").read_text():
                assert time.monotonic() < until, (folder / "log").read_text()
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}", folder / "log"
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("proxies", "answer"), [("127.0.0.1", "['kate', None, 'https']"), ("192.0.2.1", "[None, None, 'http']")]
)
def test_the_web_believes_the_proxy_alone(proxies: str, answer: str) -> None:
    headers = {"gms_user": "kate", "X_Forwarded_For": "198.51.100.7", "X-Forwarded-Proto": "https"}
    with web(FORWARDED_ALLOW_IPS=proxies) as (url, _), httpx2.Client(trust_env=False) as client:
        assert client.get(url, headers=headers).text == answer


def test_the_access_log_has_neither_numbers_nor_forged_lines_nor_refreshes_that_found_nothing_new() -> None:
    with web(LOG_FORMAT="json", LOG_LEVEL="INFO") as (url, log), httpx2.Client(trust_env=False) as client:
        client.get(f"{url}/genesys/1/service/callback%0Aforged?_customer_number=442012345610")
        client.get(f"{url}/442012345610")
        client.get(f"{url}/unchanged")
        client.get(f"{url}/long")
        until = time.monotonic() + 10
        while "/long" not in log.read_text() and time.monotonic() < until:
            time.sleep(0.05)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
    said = [re.sub(r"\d+ ms$", "… ms", line["event"]) for line in lines if line["logger"] == "gunicorn.access"]
    assert said == [
        '127.0.0.1 "GET /genesys/1/service/callback%0Aforged" 200, 20 bytes, … ms',
        '127.0.0.1 "GET /***10" 200, 20 bytes, … ms',
        '127.0.0.1 "GET /long" 200, 8123 bytes, … ms',
    ]
