"""What a Cassandra needs before it can start: Java 17, and the jars, which Maven fetches once into the user's cache."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

POM = Path(__file__).with_name("pom.xml")
VERSION = ElementTree.parse(POM).findtext(".//{*}dependency/{*}version") or ""
"""Version of Cassandra; pom.xml says it."""

FETCH_TIMEOUT = 600
"""Seconds that Maven may take; the jars are 66 MB."""


def missing() -> str | None:
    """Return what this machine lacks for a Cassandra, None if nothing."""
    if not hasattr(os, "pidfd_open"):
        return "a Cassandra for tests runs on Linux only"
    if java() is None:
        return "Cassandra needs Java 17: none in JAVA_HOME, on PATH or in /usr/lib/jvm"
    if not _cached().exists() and shutil.which("mvn") is None:
        return "Maven (mvn) fetches Cassandra's jars: it is not on PATH"
    return None


@cache
def java() -> str | None:
    """Return the path of a Java 17, or None; Cassandra 5.0 starts on no newer one."""
    homes = [Path(home) for home in [os.environ.get("JAVA_HOME")] if home]
    homes += sorted(Path("/usr/lib/jvm").glob("*17*"))
    candidates = [str(home / "bin/java") for home in homes]
    candidates.insert(1, shutil.which("java") or "")
    return next((path for path in candidates if os.access(path, os.X_OK) and _is_17(path)), None)


def _is_17(path: str) -> bool:
    answer = subprocess.run([path, "-version"], capture_output=True, text=True, check=False, timeout=60)
    return 'version "17' in answer.stderr


def jars() -> Path:
    """Return the directory that holds the jars; fetch them if they are not there.

    Two runs at once fetch once, and nobody ever sees half a directory: it gets its name when it is complete.
    """
    target = _cached()
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_suffix(".lock")):
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=target.parent) as unfinished:
                _fetch(Path(unfinished) / "jars")
                (Path(unfinished) / "jars").rename(target)
    return target


def _cached() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "spikes-tests" / f"cassandra-{VERSION}"


def _fetch(directory: Path) -> None:
    options = [f"-DoutputDirectory={directory}", "-DincludeScope=runtime"]
    command = ["mvn", "-q", "-B", "--strict-checksums", "-f", str(POM), "dependency:copy-dependencies", *options]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=FETCH_TIMEOUT)
    if told.returncode:
        raise RuntimeError(f"Maven could not fetch Cassandra {VERSION}:\n{told.stdout[-2000:]}{told.stderr[-2000:]}")


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep other processes, and other threads, out while inside."""
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
