"""The manifests fit each other and the code; and a breach of each rule is noticed."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from spikes.journal.cassandra_target import Credentials, target_of
from spikes.settings import SETTINGS
from tests.deploy import policy
from tests.deploy.policy import RULES, Rule
from tests.deploy.tools import (
    BASE,
    DEPLOY,
    IN_ORDER,
    VARIANTS,
    Manifest,
    containers,
    documents,
    of_kind,
    rendered,
    settings,
    workload,
)

CASSANDRA = "overlays/cassandra with gateway"
BREACHES: list[tuple[Rule, str, Callable[[list[Manifest]], Any]]] = [
    (policy.selectors_match, "base", lambda m: of_kind(m, "Service")[0]["spec"]["selector"].update(tier="web")),
    (
        policy.selectors_match,
        CASSANDRA,
        lambda m: _spec(m, "HorizontalPodAutoscaler")["scaleTargetRef"].update(name="x"),
    ),
    (policy.ports_exist, "base", lambda m: settings_of(m).update(SPIKES_PORT="8081")),
    (policy.ports_exist, "base", lambda m: _first(m)["livenessProbe"]["httpGet"].update(port="admin")),
    (policy.ports_exist, CASSANDRA, lambda m: _spec(m, "HTTPRoute")["rules"][0]["backendRefs"][0].update(port=81)),
    (policy.secrets_stay_out, "base", lambda m: m.append({"kind": "Secret", "metadata": {"name": "token"}})),
    (policy.secrets_stay_out, "base", lambda m: settings_of(m).update(SPIKES_ADMIN_TOKEN="inline")),
    (policy.secrets_stay_out, "base", lambda m: _first(m)["env"][0].update(value="/tmp/token")),
    (policy.settings_are_right, "base", lambda m: settings_of(m).update(SPIKES_PROT="1")),
    (policy.settings_are_right, "base", lambda m: settings_of(m).pop("SPIKES_TOKEN_TTL")),
    (policy.settings_are_right, "base", lambda m: settings_of(m).update(SPIKES_TOKEN_TTL="long")),
    (policy.images_are_pinned, "base", lambda m: _first(m).update(image="registry.example.com/spikes:latest")),
    (policy.grace_covers_the_drain, "base", lambda m: _pod(m).update(terminationGracePeriodSeconds=16)),
    (policy.grace_covers_the_drain, "base", lambda m: _first(m)["lifecycle"]["preStop"]["sleep"].update(seconds=9)),
    (policy.security_is_restricted, "base", lambda m: _pod(m)["securityContext"].update(runAsUser=0)),
    (policy.security_is_restricted, CASSANDRA, lambda m: _pod(m)["initContainers"][0].pop("securityContext")),
    (policy.volumes_are_there, "base", lambda m: _pod(m)["volumes"].pop(0)),
    (policy.volumes_are_there, "base", lambda m: _first(m)["volumeMounts"][0].update(mountPath="/elsewhere")),
    (policy.resources_are_bounded, "base", lambda m: _first(m)["resources"].pop("limits")),
    (policy.names_are_apart, "base", lambda m: _pod(m).update(enableServiceLinks=True)),
    (policy.names_are_apart, CASSANDRA, lambda m: of_kind(m, "ClusterIssuer")[0]["metadata"].update(namespace="x")),
]


def settings_of(manifests: list[Manifest]) -> Any:
    return of_kind(manifests, "ConfigMap")[0]["data"]


def _spec(manifests: list[Manifest], kind: str) -> Any:
    return of_kind(manifests, kind)[0]["spec"]


def _pod(manifests: list[Manifest]) -> Any:
    return workload(manifests)["spec"]["template"]["spec"]


def _first(manifests: list[Manifest]) -> Any:
    return _pod(manifests)["containers"][0]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_variant_keeps_every_rule(rule: Rule, variant: str) -> None:
    assert list(rule(rendered(variant))) == []


@pytest.mark.parametrize(("rule", "variant", "breach"), BREACHES, ids=lambda it: getattr(it, "__name__", it))
def test_a_breach_of_a_rule_is_noticed(rule: Rule, variant: str, breach: Callable[[list[Manifest]], Any]) -> None:
    manifests = copy.deepcopy(list(rendered(variant)))
    breach(manifests)
    assert list(rule(manifests)) != []


def test_every_rule_has_its_breach() -> None:
    assert {rule for rule, _, _ in BREACHES} == set(RULES)


def test_one_pod_at_a_time_has_the_file() -> None:
    for variant in ("base", "overlays/sqlite"):
        found = rendered(variant)
        assert workload(found)["spec"]["replicas"] == 1
        claims = [*of_kind(found, "PersistentVolumeClaim"), *workload(found)["spec"].get("volumeClaimTemplates", ())]
        assert [claim["spec"]["accessModes"] for claim in claims] == [["ReadWriteOncePod"]]
    assert workload(rendered("base"))["spec"]["strategy"] == {"type": "Recreate"}
    assert workload(rendered("overlays/sqlite"))["kind"] == "StatefulSet"


@pytest.mark.parametrize("variant", ["overlays/cassandra", "overlays/astra"])
def test_replicas_are_replaced_without_a_gap(variant: str) -> None:
    found = rendered(variant)
    assert workload(found)["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert "replicas" not in workload(found)["spec"]  # the autoscaler's, which begins with three
    (scaler,) = of_kind(found, "HorizontalPodAutoscaler")
    assert (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"]) == (3, 10)
    assert [each["spec"]["maxUnavailable"] for each in of_kind(found, "PodDisruptionBudget")] == [1]
    assert [each["args"] for each in containers(found)] == [["migrate"], ["serve"]]


def test_journals_of_the_overlays_are_understood() -> None:
    credentials = Credentials("user", "password")
    urls = [settings(rendered(f"overlays/{name}"))["SPIKES_JOURNAL"] for name in ("cassandra", "astra")]
    cassandra, astra = (target_of(url, credentials) for url in urls)
    assert cassandra.hosts == (("cassandra.cassandra.svc.cluster.local", 9042),)
    assert astra.bundle == "/run/secrets/spikes-journal/secure-connect.zip"


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "base"])
def test_overlays_deny_what_is_not_allowed(variant: str) -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in of_kind(rendered(variant), "NetworkPolicy")}
    assert policies["default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    journal = [] if "sqlite" in variant else ["journal"]
    assert sorted(policies) == sorted(["certificates", "clients", "default-deny", "monitoring", "names", *journal])


def test_each_file_of_the_base_applies_alone() -> None:
    kinds = {name: [each["kind"] for each in documents(BASE / f"{name}.yaml")] for name in IN_ORDER}
    assert kinds == {
        "cluster-issuer": ["ClusterIssuer", "ClusterIssuer"],
        "test-ingress": ["Ingress"],
        "service": ["Service"],
        "deployment": ["ConfigMap", "ServiceAccount", "PersistentVolumeClaim", "Deployment"],
        "ingress": ["Ingress"],
    }
    together = [each for name in IN_ORDER for each in documents(BASE / f"{name}.yaml")]
    assert list(policy.selectors_match(together)) + list(policy.ports_exist(together)) == []
    assert list(policy.volumes_are_there(together)) == []
    assert not any("namespace" in each["metadata"] for each in together)  # so that any can be chosen


def test_ingresses_ask_issuers_that_are_there() -> None:
    issuers = {each["metadata"]["name"] for each in documents(BASE / "cluster-issuer.yaml")}
    asked = [
        each["metadata"]["annotations"]["cert-manager.io/cluster-issuer"]
        for name in ("test-ingress", "ingress")
        for each in documents(BASE / f"{name}.yaml")
    ]
    assert asked == ["letsencrypt-staging", "letsencrypt-production"]
    assert set(asked) == issuers


def test_the_gateway_asks_an_issuer_that_is_there() -> None:
    found = rendered(CASSANDRA)
    issuers = {each["metadata"]["name"] for each in of_kind(found, "ClusterIssuer")}
    (gateway,) = of_kind(found, "Gateway")
    assert gateway["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] in issuers
    listeners = {listener["name"] for listener in gateway["spec"]["listeners"]}
    routes = [parent for route in of_kind(found, "HTTPRoute") for parent in route["spec"]["parentRefs"]]
    assert {(parent["name"], parent["sectionName"]) for parent in routes} == {("spikes", name) for name in listeners}


def test_every_variable_of_a_container_is_a_setting() -> None:
    named = {variable["name"] for each in containers(rendered("overlays/astra")) for variable in each["env"]}
    assert named <= {name for setting in SETTINGS for name in setting.names}


def test_the_container_file_pins_its_base_by_digest() -> None:
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    first, *others = [line.split()[1] for line in lines if line.startswith("FROM")]
    assert first.rpartition("@sha256:")[2].isalnum()
    assert len(first.rpartition("@sha256:")[2]) == 64
    assert set(others) == {"python"}  # the same one again
