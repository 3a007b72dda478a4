"""The files for Prometheus and Grafana load, fire, and ask only for what `/metrics` tells."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.test import Client

from callbacks.models import AuditFinding, Callback
from callbacksite import metrics
from scheduling import heartbeats, totals
from telephony.models import Agent
from tests.world import World

DEPLOY = Path(settings.BASE_DIR) / "deploy"
PAGE = Path(settings.BASE_DIR) / "docs" / "monitoring.md"
RULES = DEPLOY / "prometheus" / "alerts.yml"
RULE_TESTS = DEPLOY / "prometheus" / "alerts_test.yml"
PROMETHEUS = DEPLOY / "prometheus" / "prometheus.yml"
DASHBOARD = DEPLOY / "grafana" / "callbacksite.json"

_SAMPLE = re.compile(r"\b(callbacksite_\w+)(?:\{([^}]*)\})?")
_BY = re.compile(r"\bby \(([^)]*)\)")
# Labels that PromQL or Prometheus itself adds.
_LE = "le"


def promtool(*arguments: str) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> Iterator[tuple[str, str]]:
    """Where each expression stands, and the expression."""
    for rule in alerts():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def told() -> dict[str, set[str]]:
    """Every sample that `/metrics` tells of a contact centre at work, with the names of its labels."""
    found: dict[str, set[str]] = {}
    for line in metrics._expose().decode().splitlines():
        if line.startswith("#"):
            continue
        name, labels = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()  # type: ignore[union-attr]
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels or ""))
    return found


def test_prometheus_takes_its_configuration() -> None:
    promtool("check", "config", "--syntax-only", str(PROMETHEUS))
    assert yaml.safe_load(PROMETHEUS.read_text())["rule_files"] == [RULES.name]


def test_prometheus_takes_the_rules() -> None:
    promtool("check", "rules", str(RULES))


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    promtool("test", "rules", str(RULE_TESTS))


def test_each_alert_is_seen_to_fire_and_to_be_silent() -> None:
    """Without an expected alert promtool tests the silence."""
    tests = [each for test in yaml.safe_load(RULE_TESTS.read_text())["tests"] for each in test["alert_rule_test"]]
    names = {rule["alert"] for rule in alerts()}
    assert {test["alertname"] for test in tests if test.get("exp_alerts")} == names
    assert {test["alertname"] for test in tests if not test.get("exp_alerts")} == names


def test_each_alert_says_how_bad_it_is_and_what_to_do() -> None:
    page = PAGE.read_text()
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]
        assert f"| `{rule['alert']}` |" in page


@pytest.mark.django_db(transaction=True)
def test_what_is_asked_for_is_told(settings: Any) -> None:
    """Each metric that a rule or a panel names, with each label that it names, is in a real answer of `/metrics`."""
    settings.SIMULATOR_SPEED = 200.0
    world = World()
    world.ready()
    world.finish(world.start())
    world.run(lambda: not world.unsettled())
    scheduled = world.start(desired_in="7200")
    world.finish(scheduled)
    Client().get("/login/")
    heartbeats.beat("beat")
    now = datetime.now(UTC)
    AuditFinding.objects.create(kind="overdue", owner="x", detail="", first_seen=now, last_seen=now)
    world.start(desired_in="7200")
    waiting = world.start()
    Agent.objects.update(state=Agent.State.LOGGED_OUT)
    world.run(lambda: Callback.objects.filter(pk=waiting.pk, stage="waiting").exists())
    publisher = totals.Publisher()
    publisher._published = {}
    publisher.publish()
    found = told()
    named = list(expressions())
    assert len(named) > 40
    for where, expression in named:
        for name, matchers in _SAMPLE.findall(expression):
            assert name in found, f"{where}: {name} is not told"
            labels = set(re.findall(r"(\w+)\s*[=!]~?", matchers))
            for group in _BY.findall(expression):
                labels |= {label.strip() for label in group.split(",")}
            assert labels - {_LE} <= found[name], f"{where}: {labels - found[name]} is no label of {name}"


@pytest.mark.django_db(transaction=True)
def test_each_metric_is_on_the_page() -> None:
    page = PAGE.read_text()
    families = set(re.findall(r"^# TYPE (\w+)", metrics._expose().decode(), re.MULTILINE))
    assert families
    assert {family for family in families if f"`{family}`" not in page} == set()


def test_the_dashboard_is_complete() -> None:
    """What Grafana needs to load a file: distinct ids, places that do not overlap, one choice of the data source."""
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["title"] == "Callbacksite"
    assert [variable["type"] for variable in dashboard["templating"]["list"]] == ["datasource"]
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not taken & cells, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert panel["targets"], panel["title"]
