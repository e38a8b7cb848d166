"""What others wrote and this repository carries: recorded, unchanged, with its licence."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from spikes.console.listener import STATIC

FOLDERS = (STATIC / "vendor", Path(__file__).parent / "vendor")


def packages(folder: Path) -> list[dict[str, Any]]:
    return msgspec.json.decode((folder / "vendored.json").read_bytes(), type=list[dict[str, Any]])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_every_file_is_as_it_was_published(folder: Path) -> None:
    for package in packages(folder):
        for name, integrity in package["files"].items():
            digest = hashlib.sha384((folder / name).read_bytes()).digest()
            assert integrity == f"sha384-{base64.b64encode(digest).decode()}", name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_no_file_is_there_without_a_record(folder: Path) -> None:
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there == {"vendored.json", *(name for package in packages(folder) for name in package["files"])}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)
def test_each_package_has_version_licence_and_source(folder: Path) -> None:
    for package in packages(folder):
        assert package["npm_integrity"].startswith("sha512-")
        assert package["version"]
        assert package["licence"]
        assert any("LICENSE" in name for name in package["files"])
