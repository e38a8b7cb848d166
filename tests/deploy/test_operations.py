"""What docs/operations.md says is so: settings, commands, exit codes, and the manifests that it shows."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import yaml

from spikes.cli.arguments import parser
from spikes.exits import MEANINGS
from spikes.settings import SETTINGS
from tests.deploy.policy import RULES, SECRETS
from tests.deploy.tools import BASE, DEPLOY, IN_ORDER, VARIANTS, run, settings, tool

DOCS = DEPLOY.parent / "docs"
TEXT = (DOCS / "operations.md").read_text()
COMMANDS = set(re.findall(r"^    (\w+) ", parser().format_help(), re.MULTILINE))


def test_every_setting_has_its_line() -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("| `SPIKES_")]
    named = [name for line in lines for name in re.findall(r"`(SPIKES_\w+)`", line.split("|")[1])]
    assert named == [setting.variable for setting in SETTINGS]


def test_only_settings_are_named() -> None:
    known = {name for setting in SETTINGS for name in setting.names}
    assert set(re.findall(r"\bSPIKES_[A-Z_]*[A-Z]\b", TEXT)) <= known


def test_every_exit_code_is_told() -> None:
    assert all(f"- {code.value} {meaning}\n" in TEXT for code, meaning in MEANINGS.items())


def test_every_command_is_one() -> None:
    used = set(re.findall(r"(?:`|^    |-- |bin/|&& )spikes ([a-z]+)\b", TEXT, re.MULTILINE))
    assert used - COMMANDS == set()
    assert {"backup", "export", "import", "verify", "migrate"} <= used


def test_the_order_of_files_is_that_of_the_base() -> None:
    applied = re.findall(r"kubectl apply -f ([a-z-]+)\.yaml", TEXT)
    assert applied == ["namespace", *IN_ORDER]
    assert all((BASE / f"{name}.yaml").exists() for name in applied)


def test_every_secret_is_made_with_all_its_keys() -> None:
    for secret, keys in SECRETS.items():
        made = TEXT.split(f"create secret generic {secret}")[1:]
        told = {key for text in made for key in re.findall(r"--from-(?:literal|file)=([\w.-]+)", text.split("\n\n")[0])}
        assert keys <= told


def test_the_manifest_of_a_site_is_taken(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy", symlinks=True)
    (site := tmp_path / "site").mkdir()
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (site / "kustomization.yaml").write_text(block)
    done = run(tool("kubectl"), "kustomize", site)
    assert (done.returncode, done.stderr) == (0, "")
    made = list(yaml.safe_load_all(done.stdout))
    assert settings(made)["SPIKES_JOURNAL"] == "cassandra://db1,db2,db3/spikes?dc=paris"
    assert done.stdout.count("image: ghcr.io/notes-inc/spikes:0.1.0") == 2
    assert done.stdout.count("notes.notes-inc.org") == 2
    assert [problem for rule in RULES for problem in rule(made)] == []


def test_what_is_deployed_is_told() -> None:
    for variant in VARIANTS:
        assert f"`{variant.partition(' ')[0]}`" in TEXT
    components = {path.name for path in (DEPLOY / "k8s/components").iterdir()}
    assert all(f"`components/{name}`" in TEXT for name in components)


def test_links_lead_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#:]*)(?:#[^)]*)?\)", TEXT):
        assert not link or os.path.exists(DOCS / link), link
