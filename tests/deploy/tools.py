"""Programs that the tests of deploy/ use, and the manifests as `kubectl kustomize` makes them."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

Manifest = dict[str, Any]

DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "k8s/base"
IN_ORDER = ("cluster-issuer", "test-ingress", "service", "deployment", "ingress")
"""The files of `base` that each apply alone, in this order."""

VARIANTS = {
    "base": (),
    "overlays/sqlite": (),
    "overlays/cassandra": (),
    "overlays/astra": (),
    "overlays/sqlite with ingress": ("ingress", "monitoring"),
    "overlays/cassandra with gateway": ("gateway", "monitoring"),
    "overlays/astra with ingress": ("ingress", "monitoring"),
}
"""What is made of the manifests, and the components that are added."""


def tool(name: str) -> str:
    """Return the path of a program of the test environment; skips where there is none, and fails in CI."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        reason = f"{name} is not in this environment: its package is made for Linux only"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return str(path)


def run(*command: str | Path, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with what it said."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **more)


def documents(file: Path) -> list[Manifest]:
    """Return the manifests in a file."""
    return list(yaml.safe_load_all(file.read_text()))


@functools.cache
def rendered(variant: str) -> tuple[Manifest, ...]:
    """Return what `kubectl kustomize` makes of a variant."""
    with tempfile.TemporaryDirectory() as folder:
        target = DEPLOY / "k8s" / variant.partition(" ")[0]
        added = [DEPLOY / "k8s/components" / name for name in VARIANTS[variant]]
        kustomization = {"resources": _relative([target], folder), "components": _relative(added, folder)}
        (Path(folder) / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        done = run(tool("kubectl"), "kustomize", folder)
    assert (done.returncode, done.stderr) == (0, "")
    return tuple(yaml.safe_load_all(done.stdout))


def _relative(folders: Iterable[Path], start: str) -> list[str]:
    return [os.path.relpath(each, os.path.realpath(start)) for each in folders]


def of_kind(manifests: Iterable[Manifest], *kinds: str) -> list[Manifest]:
    """Return the manifests of these kinds."""
    return [each for each in manifests if each["kind"] in kinds]


def workload(manifests: Iterable[Manifest]) -> Manifest:
    """Return the one manifest that makes the pods."""
    (found,) = of_kind(manifests, "Deployment", "StatefulSet")
    return found


def pod(manifests: Iterable[Manifest]) -> Manifest:
    """Return the pod's spec."""
    return dict(workload(manifests)["spec"]["template"]["spec"])


def containers(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Return all containers, those that run before the others as well."""
    spec = pod(manifests)
    return [*spec.get("initContainers", ()), *spec["containers"]]


def settings(manifests: Iterable[Manifest]) -> dict[str, str]:
    """Return the settings in the ConfigMap."""
    (found,) = of_kind(manifests, "ConfigMap")
    return dict(found["data"])
