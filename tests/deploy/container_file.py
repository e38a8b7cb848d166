"""What the Containerfile says, and its steps done without a container: stage by stage, in folders of one's own."""

from __future__ import annotations

import functools
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.deploy.tools import DEPLOY

ROOT = DEPLOY.parent
SLOW = 300.0
"""Seconds that all steps may take: packages are fetched for them."""


def instructions(stage: int) -> list[tuple[str, str]]:
    """Return the instructions of a stage of the Containerfile, each with its arguments in one line."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Containerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    stages = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]
    lines = [line.split(maxsplit=1) for line in stages[stage].splitlines() if line]
    return [(name, rest) for name, rest in lines]


def entry() -> list[str]:
    """Return the command line of the last stage."""
    words = {name: re.findall(r'"([^"]*)"', rest) for name, rest in instructions(-1)}
    return [*words["ENTRYPOINT"], *words["CMD"]]


def variables(stage: int, folder: Path) -> dict[str, str]:
    """Return the environment that a stage sets."""
    pairs = [pair for name, rest in instructions(stage) if name in ("ENV", "ARG") for pair in rest.split()]
    return {
        name: _moved(value, folder) for name, _, value in (pair.partition("=") for pair in pairs) if "$" not in value
    }


class Built:
    """What the stage `build` makes: folders that stand for /src, /wheels and /opt/spikes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.source = folder / "src"
        self.spikes = folder / "opt/spikes/bin/spikes"

    def build(self) -> None:
        """Do every step, with pip of the test environment, which has what the first step installs already."""
        own = {name: os.environ[name] for name in os.environ if not name.startswith(("PYTHON", "SPIKES_"))}
        tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environ = {**own, **variables(1, self.folder), "PATH": tools, "PIP_NO_COMPILE": "1"}
        environ.pop("PIP_NO_CACHE_DIR")  # an image must not have it; here it spares a download
        self.source.mkdir()
        for name, rest in instructions(1):
            if name == "COPY":
                self._copy(rest.split())
            elif name == "RUN":
                command = ["bash", "-euc", _moved(rest, self.folder)]
                subprocess.run(command, check=True, cwd=self.source, env=environ, timeout=SLOW, capture_output=True)

    def _copy(self, names: Sequence[str]) -> None:
        *sources, target = names
        for name in sources:
            if (ROOT / name).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")  # as .dockerignore says
                shutil.copytree(ROOT / name, self.source / target, ignore=ignored)
            else:
                shutil.copy(ROOT / name, self.source / target)


def _moved(text: str, folder: Path) -> str:
    """Return a text in which the folders of the image are those of the test."""
    return re.sub(r"(?<![\w.])/(src|wheels|opt/spikes)\b", rf"{folder}/\1", text)


READ_ONLY = """
mount --make-rprivate /
if [ -n "$1" ]; then  # a folder that other users may not enter, though Python is in it
  kept=$(mktemp -d)
  trap 'rmdir "$kept"' EXIT
  mount --bind "$2" "$kept"
  mount -t tmpfs -o mode=755 none "$1"
  mkdir -p "$2"
  mount --move "$kept" "$2"
  rmdir "$kept"
  trap - EXIT
fi
shift 2
for folder in "$@"; do [ "$folder" = -- ] && break; mount --bind "$folder" "$folder"; done
while read -r _ point _; do
  for folder in "$@" /proc /sys /dev; do
    [ "$folder" = -- ] && continue
    case "$point/" in "$folder"/*) continue 2 ;; esac
  done
  mount -o remount,ro,bind "$point"
done < /proc/self/mounts
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""
"""Makes all that is mounted read-only but the folders before `--`, then runs what follows; for this command alone."""


def closed() -> tuple[str, str]:
    """Return the uppermost folder above Python that other users may not enter, "" if there is none; and Python's."""
    prefix = Path(sys.base_prefix).resolve()
    folders = [folder for folder in reversed(prefix.parents) if not folder.stat().st_mode & stat.S_IXOTH]
    return str(folders[0]) if folders else "", str(prefix)


def confined(writable: Sequence[Path], command: Sequence[str | Path]) -> list[str]:
    """Return a command that may write to these folders alone, as user 10001 if this one is root."""
    root = os.geteuid() == 0
    user = ["setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "--no-new-privs", "--bounding-set=-all"]
    inside = [*map(str, writable), "--", *(user if root else []), *map(str, command)]
    outside = ["unshare", "--mount", *([] if root else ["--user", "--map-root-user"])]
    return [*outside, "bash", "-euc", READ_ONLY, "bash", *(closed() if root else ("", "")), *inside]


@functools.cache
def why_not() -> str | None:
    """Return why nothing can be confined here, None if it can."""
    done = subprocess.run(confined([], ["true"]), capture_output=True, text=True, check=False, timeout=SLOW)
    return done.stderr.strip() or f"exit code {done.returncode}" if done.returncode else None
