"""System: the settings in effect, the log level, threads and tasks, and a bundle of all that helps in a diagnosis."""

from __future__ import annotations

import io
import os
import platform
import sys
import time
import zipfile
from collections.abc import Mapping
from importlib.metadata import distributions

import msgspec

from spikes.console.auditing import audit
from spikes.console.dumping import Dump
from spikes.console.effective import Effective, effective
from spikes.console.inside import Inside
from spikes.console.log_level import LONGEST
from spikes.console.page import BadRequest, Download, Page, PageContext, Redirect
from spikes.console.writing import check_writes
from spikes.log import LEVELS


class Process(msgspec.Struct, frozen=True):
    """One process. `until` is when its log level goes back, in seconds since the epoch; None if it is the usual one."""

    pid: int
    started: float
    level: str
    until: float | None
    actors: int
    python: str


class System(msgspec.Struct, frozen=True):
    """What the page shows."""

    settings: list[Effective]
    processes: list[Process]
    levels: tuple[str, ...]
    usual: str
    writes: bool


async def own_process(inside: Inside, _: Mapping[str, str]) -> Process:
    """Return what this process is."""
    level = inside.log_level
    return Process(
        os.getpid(), inside.started, level.now, level.until, inside.entities.live_actors, platform.python_version()
    )


async def page(context: PageContext) -> Page:
    """GET /system: the settings and the processes."""
    answers = await context.peers.ask("process")
    settings = context.inside.settings
    processes = [msgspec.convert(answer, Process) for answer in answers.values()]
    content = System(
        effective(settings, os.environ, sys.argv), processes, tuple(LEVELS), settings.log_level, settings.console_writes
    )
    return Page("system.html", content, "System")


# ------------------------------------------------------------------------------------------------------------ log level


async def own_log_level(inside: Inside, parameters: Mapping[str, str]) -> None:
    """Set the level of this process for a while, or with 0 seconds back to the usual one."""
    seconds = float(parameters["seconds"])
    if seconds:
        inside.log_level.set_for(parameters["level"], seconds)
    else:
        inside.log_level.revert()


async def change_log_level(context: PageContext) -> Redirect:
    """POST /system/log-level: `level`, `minutes`, `reason`; all processes, and back by itself."""
    check_writes(context)
    level, minutes = context.form.get("level", ""), context.form.get("minutes", "")
    if level not in LEVELS:
        raise BadRequest(f"level is wrong: it must be one of {', '.join(LEVELS)}")
    if not (minutes.isascii() and minutes.isdecimal() and int(minutes[:9]) * 60 <= LONGEST):
        raise BadRequest(f"minutes is wrong: it must be a whole number from 0 (back to the usual) to {LONGEST // 60}")
    await audit(context, "log-level", f"{level} for {minutes} min", context.form.get("reason", ""))
    await context.peers.ask("log-level", level=level, seconds=str(int(minutes) * 60))
    return Redirect("/system")


# ----------------------------------------------------------------------------------------------------- dump and bundle


class Dumps(msgspec.Struct, frozen=True):
    """What every process is doing, by process id."""

    processes: dict[str, Dump]


async def dumps(context: PageContext) -> Page:
    """GET /system/dump: threads and tasks."""
    answers = await context.peers.ask("dump")
    return Page("dump.html", Dumps(msgspec.convert(dict(answers), dict[str, Dump])), "Threads and tasks")


async def bundle(context: PageContext) -> Download:
    """GET /system/bundle: a zip archive for whoever looks for a fault elsewhere, without secrets and users' texts."""
    ask = context.peers.ask
    files = {
        "settings.json": effective(context.inside.settings, os.environ, sys.argv),
        "processes.json": await ask("process"),
        "snapshots.json": await ask("snapshot"),
        "history.json": await ask("history"),
        "dump.json": await ask("dump"),
        "errors.json": await ask("errors"),
        "metrics.json": await ask("metrics"),
        "packages.json": packages(),
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, msgspec.json.format(msgspec.json.encode(content), indent=1))
    name = time.strftime("spikes-%Y%m%d-%H%M%S.zip", time.gmtime())
    return Download(name, made.getvalue(), "application/zip")


def packages() -> dict[str, str]:
    """Return the versions of all that is installed beside the service."""
    return dict(sorted((each.name, each.version) for each in distributions()))
