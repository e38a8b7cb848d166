"""The manifests are well-formed, and what three releases of Kubernetes take."""

from __future__ import annotations

import copy
import json

import jsonschema
import kubernetes_validate
import pytest

from tests.deploy.crds import schema_of
from tests.deploy.tools import BASE, DEPLOY, IN_ORDER, VARIANTS, Manifest, documents, of_kind, rendered, run, tool

RELEASES = ("1.30", "1.34", "1.37")
"""The oldest release that the manifests are for, one between, and the newest."""


def check(manifest: Manifest, release: str) -> None:
    """Raise what is wrong with a manifest, or SchemaNotFoundError for a kind that nobody knows."""
    schema = schema_of(manifest["apiVersion"], manifest["kind"])
    if schema is not None:
        jsonschema.validate(manifest, schema)
    else:
        kubernetes_validate.validate(manifest, release, strict=True)


def everything() -> list[Manifest]:
    """Return each manifest once: of all variants, and of the files that apply alone."""
    made = [each for variant in VARIANTS for each in rendered(variant)]
    alone = [each for name in IN_ORDER for each in documents(BASE / f"{name}.yaml")]
    distinct = {json.dumps(each, sort_keys=True): each for each in made + alone}
    return list(distinct.values())


@pytest.mark.parametrize("release", RELEASES)
def test_every_manifest_is_what_a_release_takes(release: str) -> None:
    for manifest in everything():
        check(manifest, release)


@pytest.mark.parametrize("release", RELEASES)
def test_a_word_that_kubernetes_does_not_know_is_noticed(release: str) -> None:
    (service,) = copy.deepcopy(of_kind(rendered("base"), "Service"))
    service["spec"]["selectors"] = service["spec"].pop("selector")
    with pytest.raises(kubernetes_validate.ValidationError, match="selectors"):
        check(service, release)


def test_an_unknown_kind_is_noticed() -> None:
    with pytest.raises(kubernetes_validate.SchemaNotFoundError):
        check({"apiVersion": "apps/v1", "kind": "Deploiment"}, RELEASES[0])


def test_a_slip_in_an_issuer_is_noticed() -> None:
    (issuer, _) = documents(BASE / "cluster-issuer.yaml")
    check(issuer, RELEASES[0])
    issuer["spec"]["acme"]["sever"] = issuer["spec"]["acme"].pop("server")
    with pytest.raises(jsonschema.ValidationError):
        check(issuer, RELEASES[0])


def test_the_files_are_neatly_written() -> None:
    done = run(
        tool("yamllint"), "--strict", "--config-file", DEPLOY / "yamllint.yaml", DEPLOY / "k8s", DEPLOY / "compose.yaml"
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_file_is_part_of_something() -> None:
    files = {file for file in (DEPLOY / "k8s").rglob("*.yaml") if not file.is_symlink()}
    named = {BASE / f"{name}.yaml" for name in IN_ORDER}
    for kustomization in (DEPLOY / "k8s").rglob("kustomization.yaml"):
        text = kustomization.read_text()
        named |= {kustomization, *(file for file in kustomization.parent.glob("*.yaml") if f" {file.name}\n" in text)}
    assert files - named == set()
