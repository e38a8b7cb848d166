"""`make image`: which engine it takes, what it gives it, and what it refuses."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.tools import DEPLOY, run, tool

TAG = "1.2.3"
COMMAND = '#!/bin/sh\necho "$0 $*" > "$ASKED"; for last; do :; done; ls "$last" >> "$ASKED"\n'
"""Stands in for an engine: writes down what it was asked for, and what is in the folder that it is to build from."""

Build = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git repository with one release and something newer that is not in it."""
    folder = tmp_path / "checkout"
    (folder / "deploy").mkdir(parents=True)
    shutil.copy(DEPLOY / "build-image", folder / "deploy")
    (folder / "deploy/Containerfile").write_text("FROM scratch\n")
    git = ("git", "-C", str(folder), "-c", "user.name=A", "-c", "user.email=a@b.c")
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    when = {**os.environ, "GIT_COMMITTER_DATE": "2026-01-02T00:00:00Z"}
    subprocess.run([*git, "commit", "--quiet", "-m", "Release"], check=True, env=when)
    subprocess.run([*git, "tag", "--no-sign", TAG], check=True)
    (folder / "not-in-it").write_text("")
    return folder


@pytest.fixture
def build(checkout: Path, tmp_path: Path) -> Build:
    """Build an image where these engines are installed."""

    def call(*engines: str, tag: str = TAG, **environ: str) -> subprocess.CompletedProcess[str]:
        programs = tmp_path / "bin"
        programs.mkdir()
        for needed in ("bash", "git", "tar", "mktemp", "rm", "ls", "sh"):
            (programs / needed).symlink_to(shutil.which(needed) or "")
        for engine in engines:
            (programs / engine).write_text(COMMAND)
            (programs / engine).chmod(0o755)
        environ = {"PATH": str(programs), "ASKED": str(tmp_path / "asked"), "TMPDIR": str(tmp_path), **environ}
        return run(checkout / "deploy/build-image", tag, env=environ, cwd=checkout)

    return call


def asked(tmp_path: Path) -> list[str]:
    return (tmp_path / "asked").read_text().splitlines()


@pytest.mark.parametrize(
    ("engines", "taken"),
    [
        (("podman", "buildah", "docker"), "podman build --timestamp 1767312000"),
        (("buildah", "docker"), "buildah build --timestamp 1767312000"),
        (("docker",), "docker build --file"),
    ],
)
def test_it_takes_the_engine_that_is_there(build: Build, tmp_path: Path, engines: tuple[str, ...], taken: str) -> None:
    done = build(*engines)
    assert (done.returncode, done.stdout) == (0, f"spikes:{TAG}\n")
    command, *files = asked(tmp_path)
    assert command.startswith(f"{tmp_path}/bin/{taken}")
    assert f"--tag spikes:{TAG} --build-arg SOURCE_DATE_EPOCH=1767312000" in command
    assert files == ["deploy"]  # what the tag has, and nothing else of the folder


def test_engine_and_image_can_be_named(build: Build, tmp_path: Path) -> None:
    done = build("podman", "docker", ENGINE="docker", IMAGE="registry.example.com/notes")
    assert done.stdout == f"registry.example.com/notes:{TAG}\n"
    assert asked(tmp_path)[0].startswith(f"{tmp_path}/bin/docker build")


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        ("", "name the tag of a release: make image TAG=0.1.0"),
        ("9.9.9", "git has no tag '9.9.9'"),
        ("a/b", "'a/b' can't be the tag of an image"),
    ],
)
def test_a_tag_that_is_none_is_refused(build: Build, tmp_path: Path, tag: str, why: str) -> None:
    done = build("podman", tag=tag)
    assert (done.returncode, why in done.stderr) == (2, True)
    assert not (tmp_path / "asked").exists()


def test_no_engine_is_said_so(build: Build) -> None:
    done = build()
    assert (done.returncode, "podman, buildah or docker is needed" in done.stderr) == (1, True)


def test_the_container_file_has_nothing_to_complain_of() -> None:
    done = run(tool("hadolint"), DEPLOY / "Containerfile")
    assert (done.returncode, done.stdout) == (0, "")
