"""The alert rules: each fires when it should and is quiet otherwise, and has a runbook that exists."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from tests.deploy.tools import run

ROOT = Path(__file__).parent.parent.parent
RULES = ROOT / "deploy" / "monitoring" / "alerts.yaml"
ALERTS: dict[str, dict[str, Any]] = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}

JOB = 'job="spikes",instance="a"'


def promtool() -> str:
    """Return the path of promtool; skips where there is none, and fails in CI."""
    found = shutil.which("promtool")
    if found is None:
        reason = "promtool is not installed; it comes with Prometheus, on Debian with the package prometheus"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return str(found)


def counted(name: str, a_minute: float, **labels: str) -> tuple[str, str]:
    """Return a counter that grows evenly for an hour."""
    more = "".join(f',{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{JOB}{more}}}", f"0+{a_minute}x60"


def constant(name: str, value: float, **labels: str) -> tuple[str, str]:
    """Return a gauge that stays as it is for an hour."""
    more = "".join(f',{label}="{each}"' for label, each in labels.items())
    return f"{name}{{{JOB}{more}}}", f"{value}+0x60"


def spread(name: str, below: str, **labels: str) -> list[tuple[str, str]]:
    """Return a histogram in which every value is below `below` and above the bound before it."""
    bounds = ["0.1", "0.25", "0.5", "1", "2.5", "+Inf"]
    at = bounds.index(below)
    return [counted(f"{name}_bucket", 600 if n >= at else 0, le=le, **labels) for n, le in enumerate(bounds)]


def once(name: str, **labels: str) -> tuple[str, str]:
    """Return a counter that grows by one, at minute 50."""
    return counted(name, 0, **labels)[0], "0+0x49 1+0x10"


BUILD = constant("spikes_build_info", 1, version="1")
SERVED = {"method": "GET", "route": "/notes", "status": "200"}
FAILED = {"method": "GET", "route": "/notes", "status": "503"}
NOTES = {"kind": "note"}

CASES: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]], dict[str, str]]] = {
    "SpikesDown": ([constant("up", 0)], [], {}),
    "SpikesRestarting": (
        [(f"process_start_time_seconds{{{JOB}}}", "1x50 2 3 4 4 4 4 4 4 4 4")],
        [(f"process_start_time_seconds{{{JOB}}}", "1x50 2 3 3 3 3 3 3 3 3 3")],
        {"job": "spikes", "instance": "a"},
    ),
    "SpikesErrors": (
        [counted("spikes_http_requests_total", 980, **SERVED), counted("spikes_http_requests_total", 20, **FAILED)],
        [counted("spikes_http_requests_total", 995, **SERVED), counted("spikes_http_requests_total", 5, **FAILED)],
        {},
    ),
    "SpikesNotStoring": (
        [counted("spikes_commands_total", 4, outcome="not_stored", **NOTES)],
        [counted("spikes_commands_total", 2, outcome="not_stored", **NOTES)],
        {"outcome": "not_stored"},
    ),
    "SpikesUndecodableEvents": (
        [once("spikes_errors_total", kind="undecodable_event")],
        [counted("spikes_errors_total", 0, kind="undecodable_event"), once("spikes_errors_total", kind="conflict")],
        {},
    ),
    "SpikesUnexpectedErrors": (
        [once("spikes_errors_total", kind="unexpected")],
        [counted("spikes_errors_total", 0, kind="unexpected")],
        {},
    ),
    "SpikesPoisonMessages": ([once("spikes_poison_messages_total")], [counted("spikes_poison_messages_total", 0)], {}),
    "SpikesDeadLetters": (
        [counted("spikes_dead_letters_total", 70)],
        [counted("spikes_dead_letters_total", 50)],
        {},
    ),
    "SpikesSlowRequests": (
        spread("spikes_http_request_seconds", "2.5", route="/notes"),
        [
            *spread("spikes_http_request_seconds", "1", route="/notes"),
            *spread("spikes_http_request_seconds", "2.5", route="/users/me/import"),
        ],
        {"route": "/notes"},
    ),
    "SpikesSlowAppends": (
        spread("spikes_append_seconds", "1", plugin="sqlite"),
        spread("spikes_append_seconds", "0.5", plugin="sqlite"),
        {"plugin": "sqlite"},
    ),
    "SpikesConflicts": (
        [counted("spikes_conflicts_total", 12, **NOTES), counted("spikes_commands_total", 100, **NOTES)],
        [counted("spikes_conflicts_total", 8, **NOTES), counted("spikes_commands_total", 100, **NOTES)],
        NOTES,
    ),
    "SpikesLoopLag": (
        spread("spikes_loop_lag_seconds", "0.5"),
        spread("spikes_loop_lag_seconds", "0.25"),
        {"instance": "a"},
    ),
    "SpikesMailboxFilling": (
        [constant("spikes_mailbox_messages", 5001)],
        [constant("spikes_mailbox_messages", 5000)],
        {"instance": "a"},
    ),
    "SpikesEntitiesAtLimit": (
        [
            constant("spikes_entities_active", 960, **NOTES),
            constant("spikes_entities_limit", 1000, **NOTES),
            counted("spikes_passivations_total", 660, **NOTES),
        ],
        [
            constant("spikes_entities_active", 960, **NOTES),
            constant("spikes_entities_limit", 1000, **NOTES),
            counted("spikes_passivations_total", 540, **NOTES),
        ],
        {"kind": "note", "instance": "a"},
    ),
    "SpikesDescriptorsRunningOut": (
        [constant("process_open_fds", 81), constant("process_max_fds", 100)],
        [constant("process_open_fds", 80), constant("process_max_fds", 100)],
        {"instance": "a"},
    ),
    "SpikesStuckDraining": ([constant("spikes_draining", 1)], [constant("spikes_draining", 0)], {"instance": "a"}),
}
"""For each alert: numbers at which it fires, numbers at which it just doesn't, and the labels beyond its own."""


def asked(cases: dict[str, list[tuple[str, str]]], *series: tuple[str, str], fire: bool) -> dict[str, Any]:
    """Return one test of promtool's: whether alerts fire after 55 minutes."""
    given = [*series, *chain.from_iterable(cases.values())]
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in given],
        "alert_rule_test": [
            {"eval_time": "55m", "alertname": alert, "exp_alerts": fired(alert) if fire else []} for alert in cases
        ],
    }


def together(side: Literal[0, 1]) -> list[dict[str, list[tuple[str, str]]]]:
    """Return the cases of one side in a few packs, as promtool takes half a second for each; none shares a metric."""
    packs: list[dict[str, list[tuple[str, str]]]] = []
    for alert, case in CASES.items():
        fitting = (pack for pack in packs if not names(*pack.values()) & names(case[side]) and alert != "SpikesDown")
        pack = next(fitting, None)
        if pack is None:
            packs.append(pack := {})
        pack[alert] = case[side]
    return packs


def names(*series: list[tuple[str, str]]) -> set[str]:
    """Return the names of the metrics."""
    return {name.partition("{")[0] for name, _ in chain.from_iterable(series)}


def checked(tmp_path: Path, *tests: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Let promtool run the tests."""
    file = tmp_path / "tests.yaml"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    return run(promtool(), "test", "rules", file)


def fired(alert: str) -> list[dict[str, Any]]:
    """Return the alert as it is sent."""
    rule = ALERTS[alert]
    return [{"exp_labels": {**rule["labels"], **CASES[alert][2]}, "exp_annotations": rule["annotations"]}]


def test_every_alert_has_a_case_on_both_sides() -> None:
    assert CASES.keys() == ALERTS.keys()


def test_each_alert_fires_beyond_its_limit(tmp_path: Path) -> None:
    packs = together(0)
    done = checked(tmp_path, *(asked(pack, *([] if "SpikesDown" in pack else [BUILD]), fire=True) for pack in packs))
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_quiet_up_to_its_limit(tmp_path: Path) -> None:
    done = checked(tmp_path, *(asked(pack, BUILD, fire=False) for pack in together(1)))
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_notices_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    assert checked(tmp_path, asked({"SpikesStuckDraining": []}, BUILD, fire=True)).returncode != 0


@pytest.mark.parametrize("alert", ALERTS)
def test_each_alert_says_what_and_where_to_read_on(alert: str) -> None:
    annotations = ALERTS[alert]["annotations"]
    page, _, anchor = annotations["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.MULTILINE)
    assert anchor in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert annotations["summary"].endswith(".")
    assert ALERTS[alert]["labels"]["severity"] in ("critical", "warning")
