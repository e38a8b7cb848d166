"""The dashboard and the alert rules name only what a running service tells: metrics, and labels that these have."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from spikes.telemetry import metrics
from tests.deploy.tools import DEPLOY
from tests.processes import Running
from tests.storm import spikes

MONITORING = DEPLOY / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "dashboard.json").read_text())

OF_THE_SCRAPE = {"instance", "job", "worker", "le"}
"""Labels that Prometheus adds, the listener of several workers, or a histogram."""

ACCOUNT = {"name": "Ada", "email": "ada@example.com", "password": "Analytic-1", "born": "1990-12-10"}


def expressions() -> Iterator[str]:
    """Yield every query of the dashboard and of the alert rules."""
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (annotation["expr"] for annotation in DASHBOARD["annotations"]["list"])
    for variable in DASHBOARD["templating"]["list"]:
        if isinstance(variable["query"], dict):
            yield variable["query"]["query"]
    for group in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def metrics_in(expression: str) -> set[str]:
    """Return the names of the metrics in a query."""
    return set(re.findall(r"\b(?:spikes|process|python)_\w+", re.sub(r'"[^"]*"', "", expression)))


def labels_in(expression: str) -> set[str]:
    """Return the names of the labels that a query matches or groups by."""
    grouped = ",".join(re.findall(r"\bby \(([^)]*)\)", expression))
    matched = re.findall(r"(\w+)\s*[=!]~?\"", expression)
    return {label.strip() for label in grouped.split(",") if label.strip()} | set(matched)


async def scraped(service: Running) -> dict[str, set[str]]:
    """Use the service a little, then return what Prometheus reads: the names of all samples with their labels."""
    admin = service.lines[0]["admin_address"]
    async with aiohttp.ClientSession() as session:
        async with session.post(f"http://127.0.0.1:{service.port}/users", json=ACCOUNT) as answer:
            assert answer.status == 201
        async with session.get(f"{admin.rstrip('/')}/metrics") as answer:
            text = await answer.text()
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


async def test_every_name_is_in_a_live_scrape(tmp_path: Path) -> None:
    async with spikes(tmp_path, SPIKES_ADMIN_PORT="0") as service:
        found = await asyncio.wait_for(scraped(service), 30)
    for expression in expressions():
        named = metrics_in(expression)
        assert named, expression
        assert named - found.keys() == set(), expression
        labels = set[str]().union(*(found[name] for name in named))
        assert labels_in(expression) - labels - OF_THE_SCRAPE == set(), expression


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    shown = set[str]().union(*map(metrics_in, expressions()))
    ours = {family.name for family in metrics.REGISTRY.collect() if family.name.startswith("spikes_")}
    assert [name for name in ours if not any(each.startswith(name) for each in shown)] == []


def test_names_that_do_not_exist_would_be_noticed() -> None:
    expression = 'sum by (le, route) (rate(spikes_nothing_bucket{kind="note"}[5m]))'
    assert metrics_in(expression) == {"spikes_nothing_bucket"}
    assert labels_in(expression) == {"le", "route", "kind"}


def test_no_two_panels_stand_on_the_same_place() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
