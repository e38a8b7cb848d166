"""Cassandra's jars are fetched once and whole; what is missing is said."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cassandra import jars
from tests.cassandra.plugin import demand

MVN = """#!/bin/sh
echo run >> "$(dirname "$0")/runs"
for word in "$@"; do case "$word" in -DoutputDirectory=*) out="${word#*=}"; esac; done
mkdir "$out" && touch "$out/one.jar" && EXIT
"""
"""In Maven's place: it makes one jar, counts its runs, and ends as told."""


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program that is found as mvn; nothing is cached yet."""
    program = tmp_path / "bin/mvn"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return program


def write(program: Path, end: str) -> None:
    program.write_text(MVN.replace("EXIT", end))
    program.chmod(0o755)


def test_many_at_once_fetch_once(maven: Path) -> None:
    write(maven, "touch $out/two.jar")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: sorted(os.listdir(jars.jars())), range(8)))
    assert found == [["one.jar", "two.jar"]] * 8
    assert (maven.parent / "runs").read_text() == "run\n"


def test_failed_fetch_leaves_nothing_and_says_so(maven: Path) -> None:
    write(maven, "echo no network && exit 1")
    with pytest.raises(RuntimeError, match="no network"):
        jars.jars()
    write(maven, "true")
    assert os.listdir(jars.jars()) == ["one.jar"]


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_missing_maven_fails_in_ci_and_skips_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match=r"Java 17|Maven"):
        demand()
