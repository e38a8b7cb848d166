"""The steps of the Containerfile, done without a container: what they make serves, read-only and as another user."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from spikes import __version__
from spikes.exits import Exit
from tests.deploy.container_file import Built, confined, entry, instructions, variables, why_not
from tests.deploy.tools import of_kind, rendered, run, settings, workload
from tests.processes import Running, get

pytestmark = pytest.mark.asyncio(loop_scope="module")

USER = 10001


@pytest.fixture(scope="module")
def built() -> Iterator[Built]:
    """What the stage `build` makes, where another user gets to: pytest's own folders are closed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        found = Built(Path(folder))
        found.build()
        yield found


@pytest.fixture(scope="module")
def writable(built: Built) -> list[Path]:
    """The data directory and /tmp, which alone can be written."""
    folders = [built.folder / "data", built.folder / "tmp"]
    for folder in folders:
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0 and not why_not():
            os.chown(folder, USER, USER)
    return folders


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(built: Built, writable: list[Path]) -> AsyncIterator[Running]:
    """What the image runs, with the settings of the manifests but for addresses and folders."""
    data, tmp = writable
    environ = {
        **settings(rendered("base")),
        **variables(-1, built.folder),
        "SPIKES_HOST": "127.0.0.1",
        "SPIKES_PORT": "0",
        "SPIKES_ADMIN_HOST": "127.0.0.1",
        "SPIKES_ADMIN_PORT": "0",
        "SPIKES_DATA_DIR": str(data),
        "SPIKES_JOURNAL": f"sqlite:///{data}/spikes.db",
        "TMPDIR": str(tmp),
        "PATH": f"{built.spikes.parent}:/usr/bin:/bin",
    }
    line = entry() if shutil.which("tini") else entry()[2:]
    process = await asyncio.create_subprocess_exec(
        *(line if why_not() else confined(writable, line)), env=environ, cwd=data, stderr=asyncio.subprocess.PIPE
    )
    running = Running(process)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await running.exit_code()
        await running.silence()


async def test_the_wheel_is_all_of_the_release(built: Built) -> None:
    (wheel,) = (built.folder / "wheels").glob("spikes-*.whl")
    assert wheel.name == f"spikes-{__version__}-py3-none-any.whl"
    files = set(zipfile.ZipFile(wheel).namelist())
    source = {str(file.relative_to(built.source)) for file in (built.source / "spikes").rglob("*") if file.is_file()}
    assert {name for name in source if not name.endswith(".gitignore")} <= files


async def test_what_is_installed_has_the_drivers_of_all_journals(built: Built) -> None:
    done = run(built.spikes.with_name("python"), "-I", "-c", "import apsw, cassandra, spikes; print(spikes.__file__)")
    assert done.stdout.startswith(str(built.spikes.parents[1]))


@pytest.mark.parametrize("place", ["installed", "etc", "home"])
async def test_nothing_else_can_be_written(built: Built, writable: list[Path], place: str) -> None:
    if reason := why_not():
        pytest.skip(f"no file system can be made read-only for one process here: {reason}")
    folder = {"installed": built.spikes.parent, "etc": Path("/etc"), "home": Path.home()}[place]
    assert run(*confined(writable, ["touch", folder / "written"])).returncode != 0
    assert not (folder / "written").exists()
    assert run(*confined(writable, ["touch", *(each / "written" for each in writable)])).returncode == 0


@pytest.mark.parametrize("kind", ["startupProbe", "livenessProbe", "readinessProbe"])
async def test_probes_of_the_manifests_are_answered(service: Running, kind: str) -> None:
    (container,) = workload(rendered("base"))["spec"]["template"]["spec"]["containers"]
    first = await service.line("starting")
    await service.line("ready")
    port = int(first["admin_address"].rpartition(":")[2])
    answer = await get(port, container[kind]["httpGet"]["path"])
    assert (answer.status, answer.body) == (200, b"ok\n")


async def test_the_path_of_the_monitor_has_metrics(service: Running) -> None:
    (monitor,) = of_kind(rendered("overlays/sqlite with ingress"), "PodMonitor")
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    port = int((await service.line("starting"))["admin_address"].rpartition(":")[2])
    answer = await get(port, endpoint["path"])
    assert (answer.status, b"spikes_build_info" in answer.body) == (200, True)


async def test_the_service_runs_as_a_user_without_a_name(service: Running) -> None:
    ready = await service.line("ready")
    status = Path(f"/proc/{ready['pid']}/status").read_text()
    other = os.geteuid() == 0 and not why_not()
    assert f"Uid:\t{USER if other else os.geteuid()}\t" in status
    assert (await get(service.port, "/info")).json["version"] == __version__


async def test_a_signal_ends_it_with_code_zero(service: Running, writable: list[Path]) -> None:
    await service.line("ready")
    service.signal(signal.SIGTERM)
    assert await service.exit_code() == Exit.OK
    assert (writable[0] / "spikes.db").exists()


async def test_the_image_runs_as_nobody_in_particular() -> None:
    last = dict(instructions(-1))
    assert last["USER"] == f"{USER}:{USER}"
    assert entry() == ["tini", "--", "spikes", "serve"]
