"""What has to be true of manifests beyond their schemas; each rule returns what breaks it, in words."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from spikes import __version__
from spikes.ending import LIMIT
from spikes.settings import FILE_SUFFIX, SETTINGS, SettingError, Settings
from tests.deploy.tools import Manifest, containers, of_kind, pod, settings, workload

Rule = Callable[[Sequence[Manifest]], Iterator[str]]

NUMERIC_USER = 10001
SECRETS = {"spikes-admin": {"token", "viewer-token"}, "spikes-journal": {"username", "password", "secure-connect.zip"}}
"""The Secrets that an operator makes, and the keys they have."""

NOT_OURS = {"acme.cert-manager.io/http01-solver"}
"""Labels of pods that another program makes in our namespace."""

MARGIN = 2.0
"""Seconds that a pod has to spare when its process ends at the last moment."""


def selectors_match(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Whatever selects pods selects ours, and what scales names what there is."""
    labels = workload(manifests)["spec"]["template"]["metadata"]["labels"]
    for each in manifests:
        for selector in _selectors(each):
            if not selector.items() <= labels.items() and not NOT_OURS & selector.keys():
                yield f"{each['kind']} {each['metadata']['name']} selects {selector}, which no pod has"
    for scaler in of_kind(manifests, "HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        if (target["kind"], target["name"]) != (workload(manifests)["kind"], workload(manifests)["metadata"]["name"]):
            yield f"{target} is scaled, but is not there"


def _selectors(manifest: Manifest) -> Iterator[dict[str, str]]:
    spec = manifest.get("spec", {})
    match manifest["kind"]:
        case "Service":
            yield spec["selector"]
        case "NetworkPolicy":
            yield spec["podSelector"].get("matchLabels", {})
        case "Deployment" | "StatefulSet" | "PodDisruptionBudget" | "PodMonitor":
            yield spec["selector"]["matchLabels"]
            for spread in spec.get("template", {}).get("spec", {}).get("topologySpreadConstraints", ()):
                yield spread["labelSelector"]["matchLabels"]


def ports_exist(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Every port that is named is one of the container's, and those are the settings'."""
    config = settings(manifests)
    expected = {"http": int(config["SPIKES_PORT"]), "management": int(config["SPIKES_ADMIN_PORT"])}
    ports = {port["name"]: port["containerPort"] for each in containers(manifests) for port in each.get("ports", ())}
    if ports != expected:
        yield f"the container has the ports {ports}, the settings say {expected}"
    for what, port in _named_ports(manifests):
        if port not in ports:
            yield f"{what} is for the port {port!r}, which the container has not"
    for what, name, served in _backends(manifests):
        known = {
            (s["metadata"]["name"], p[key])
            for s in of_kind(manifests, "Service")
            for p in s["spec"]["ports"]
            for key in ("name", "port")
        }
        if (name, served) not in known:
            yield f"{what} leads to {name}:{served}, which is no port of a service"


def _named_ports(manifests: Sequence[Manifest]) -> Iterator[tuple[str, str]]:
    for each in containers(manifests):
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            if kind in each:
                yield kind, each[kind]["httpGet"]["port"]
    for service in of_kind(manifests, "Service"):
        yield from (("the service", port["targetPort"]) for port in service["spec"]["ports"])
    for monitor in of_kind(manifests, "PodMonitor"):
        yield from (("the monitor", endpoint["port"]) for endpoint in monitor["spec"]["podMetricsEndpoints"])
    for network in of_kind(manifests, "NetworkPolicy"):
        for way in network["spec"].get("ingress", ()):
            yield from (("a policy", port["port"]) for port in way["ports"] if isinstance(port["port"], str))


def _backends(manifests: Sequence[Manifest]) -> Iterator[tuple[str, str, str | int]]:
    for ingress in of_kind(manifests, "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                service = path["backend"]["service"]
                yield "the ingress", service["name"], service["port"]["name"]
    for route in of_kind(manifests, "HTTPRoute"):
        for rule in route["spec"]["rules"]:
            yield from (("a route", backend["name"], backend["port"]) for backend in rule.get("backendRefs", ()))


def secrets_stay_out(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Secrets come from files of Secrets that an operator makes; none is in a manifest."""
    yield from (f"the Secret {each['metadata']['name']} is inline" for each in of_kind(manifests, "Secret"))
    variables = [variable for each in containers(manifests) for variable in each.get("env", ())]
    named = [*settings(manifests), *(variable["name"] for variable in variables)]
    yield from (f"{s.variable} is inline" for s in SETTINGS if s.secret and s.variable in named)
    for volume in pod(manifests)["volumes"]:
        if "secret" in volume and volume["secret"]["secretName"] not in SECRETS:
            yield f"{volume['secret']['secretName']} is no Secret that docs/operations.md knows"
    mounted = _mounted_secrets(manifests)
    for variable in variables:
        if variable["name"].endswith(FILE_SUFFIX) and variable.get("value") not in mounted:
            yield f"{variable['name']} names {variable.get('value')!r}, which is no mounted secret"


def _mounted_secrets(manifests: Sequence[Manifest]) -> set[str]:
    names = {
        volume["name"]: volume["secret"]["secretName"] for volume in pod(manifests)["volumes"] if "secret" in volume
    }
    mounts = [mount for each in containers(manifests) for mount in each["volumeMounts"] if mount["name"] in names]
    return {f"{mount['mountPath']}/{key}" for mount in mounts for key in SECRETS[names[mount["name"]]]}


def settings_are_right(manifests: Sequence[Manifest]) -> Iterator[str]:
    """The ConfigMap's keys are exactly the settings that are no secret and have a value, and the service takes them."""
    config = settings(manifests)
    known = {s.variable: s for s in SETTINGS if not s.secret}
    yield from (f"{key} is no setting for a ConfigMap" for key in config if key not in known)
    missing = [name for name, s in known.items() if s.default != "none" and name not in config]
    yield from (f"{name} is not in the ConfigMap" for name in missing)
    for each in containers(manifests):
        with tempfile.TemporaryDirectory() as folder:
            given = {v["name"]: v["value"] for v in each.get("env", ())}
            files = {name: f"{folder}/{name}" for name in given if name.endswith(FILE_SUFFIX)}
            for name, file in files.items():
                Path(file).write_text(name)
            try:
                Settings.from_environment({**config, **given, **files})
            except SettingError as problem:
                yield str(problem)


def images_are_pinned(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Every container runs the image of this release."""
    for each in containers(manifests):
        if not each["image"].endswith(f"/spikes:{__version__}"):
            yield f"{each['name']} runs {each['image']}, not this release"


def grace_covers_the_drain(manifests: Sequence[Manifest]) -> Iterator[str]:
    """A pod is killed only after its process had all the time it may take to end."""
    spec = pod(manifests)
    sleep = max(each["lifecycle"]["preStop"]["sleep"]["seconds"] for each in spec["containers"])
    if spec["terminationGracePeriodSeconds"] < sleep + LIMIT + MARGIN:
        yield f"{spec['terminationGracePeriodSeconds']} s do not cover {sleep} s of sleep and {LIMIT} s of draining"
    readiness = spec["containers"][0]["readinessProbe"]
    if sleep < readiness["periodSeconds"]:
        yield "it is told to end before anybody has looked"


def security_is_restricted(manifests: Sequence[Manifest]) -> Iterator[str]:
    """What the `restricted` pod security standard asks for, and a read-only root besides."""
    spec = pod(manifests)
    user = {"runAsNonRoot": True, "runAsUser": NUMERIC_USER, "runAsGroup": NUMERIC_USER, "fsGroup": NUMERIC_USER}
    if not user.items() <= spec["securityContext"].items():
        yield f"the pod runs as {spec['securityContext']}"
    if spec["securityContext"].get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "system calls are not limited"
    right = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    yield from (
        f"{each['name']} may too much" for each in containers(manifests) if each.get("securityContext") != right
    )
    if spec["automountServiceAccountToken"] or spec.get("hostNetwork") or spec.get("hostPID"):
        yield "the pod reaches beyond itself"
    yield from (f"{v['name']} is the node's" for v in spec["volumes"] if "hostPath" in v)
    for namespace in of_kind(manifests, "Namespace"):
        if namespace["metadata"]["labels"].get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "the namespace takes other pods, too"


def volumes_are_there(manifests: Sequence[Manifest]) -> Iterator[str]:
    """What is mounted exists, and only the data directory and /tmp can be written."""
    claims = {each["metadata"]["name"] for each in workload(manifests)["spec"].get("volumeClaimTemplates", ())}
    volumes = {volume["name"] for volume in pod(manifests)["volumes"]} | claims
    for each in containers(manifests):
        mounts = each["volumeMounts"]
        yield from (f"{mount['name']} is not there" for mount in mounts if mount["name"] not in volumes)
        writable = {mount["mountPath"] for mount in mounts if not mount.get("readOnly")}
        if writable != {settings(manifests)["SPIKES_DATA_DIR"], "/tmp"}:
            yield f"{each['name']} may write to {sorted(writable)}"
    wanted = {
        volume["persistentVolumeClaim"]["claimName"]
        for volume in pod(manifests)["volumes"]
        if "persistentVolumeClaim" in volume
    }
    made = {each["metadata"]["name"] for each in of_kind(manifests, "PersistentVolumeClaim")}
    yield from (f"the claim {name} is on one side only" for name in wanted ^ made)


def resources_are_bounded(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Every container asks for processor time and memory, and has limits on both."""
    for each in containers(manifests):
        for kind in ("requests", "limits"):
            if each["resources"].get(kind, {}).keys() != {"cpu", "memory"}:
                yield f"{each['name']} has no {kind}"


def names_are_apart(manifests: Sequence[Manifest]) -> Iterator[str]:
    """Everything is in our namespace, except what is in none; and no ingress can lead to the management port."""
    for each in manifests:
        wanted = None if each["kind"] in ("Namespace", "ClusterIssuer") else "spikes"
        if each["metadata"].get("namespace") != wanted:
            yield f"{each['kind']} {each['metadata']['name']} is in {each['metadata'].get('namespace')}"
    for service in of_kind(manifests, "Service"):
        if any(port["targetPort"] == "management" for port in service["spec"]["ports"]):
            yield "a service leads to the management port"
    if pod(manifests)["enableServiceLinks"]:
        yield "Kubernetes sets SPIKES_SERVICE_HOST, which stops the start"


RULES: tuple[Rule, ...] = (
    selectors_match,
    ports_exist,
    secrets_stay_out,
    settings_are_right,
    images_are_pinned,
    grace_covers_the_drain,
    security_is_restricted,
    volumes_are_there,
    resources_are_bounded,
    names_are_apart,
)
