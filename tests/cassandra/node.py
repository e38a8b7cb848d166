"""One real Cassandra node on loopback: started, killed, paused; it never outlives the process that started it.

By hand, for developers; such a node lives until it is stopped:

    python -m tests.cassandra.node start DIRECTORY    # prints host:port when it answers; starts it again if it has data
    python -m tests.cassandra.node stop DIRECTORY
"""

from __future__ import annotations

import argparse
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from tests.cassandra import jars, launch

READY_TIMEOUT = 240.0
"""Seconds until a node must answer; 7 are usual on two idle cores, 40 were seen on two with much else to do."""

STOP_TIMEOUT = 60.0
"""Seconds until a node that was asked to end must have ended."""

OPTIONS = bytes([0x04, 0, 0, 0, 0x05, 0, 0, 0, 0])
"""The first request of CQL's native protocol: what do you support? A node answers it as soon as it serves."""

Sync = Literal["batch", "group", "periodic"]


class Ports(msgspec.Struct, frozen=True):
    """Where a node listens: for clients, and for other nodes. The same on all hosts of a cluster."""

    native: int
    storage: int


class CassandraNode:
    """A node with its data under `directory/host`.

    What starts or ends it blocks: in a coroutine, `await asyncio.to_thread(node.start)`. Acknowledged writes outlive
    `kill()` where `commitlog_sync` is `batch` or `group`. `discard` removes the data when nobody holds the node any
    more. A node that is `measured` takes minutes to become as fast as it can be; the others are soon half as fast.
    Further `settings` are those of cassandra.yaml.
    """

    def __init__(
        self,
        directory: Path,
        host: str = "127.0.0.1",
        *,
        seed: str = "127.0.0.1",
        ports: Ports | None = None,
        commitlog_sync: Sync = "batch",
        heap: str = "768m",
        discard: bool = False,
        measured: bool = False,
        **settings: Any,
    ) -> None:
        self.home = directory.absolute() / host
        self.host = host
        self.ports = ports or free_ports([host])
        self._heap = heap
        self._discard = discard
        self._measured = measured
        self._settings = {
            "listen_address": host,
            "rpc_address": host,
            "native_transport_port": self.ports.native,
            "storage_port": self.ports.storage,
            "seed_provider": [_seeds(f"{seed}:{self.ports.storage}")],
            "initial_token": str(_token(host)),
            "num_tokens": 1,
            "commitlog_sync": commitlog_sync,
            **launch.SYNC[commitlog_sync],
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._hold: int | None = None

    @property
    def port(self) -> int:
        """The port for clients."""
        return self.ports.native

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def pid(self) -> int:
        assert self._process, f"Cassandra on {self.host} was never started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the node, new or with the data it has, and wait until it answers. RuntimeError if it does not."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the node and don't wait."""
        assert not self.is_running, f"Cassandra on {self.host} runs already"
        holders = self._open_fifo()
        watched = [sys.executable, "-S", str(Path(__file__).with_name("watched.py"))]
        rubbish = str(self.home) if self._discard else ""
        try:
            self._spawn([*watched, str(holders), rubbish, *self._command()], holders)
        finally:
            os.close(holders)

    def launch_unheld(self) -> None:
        """Start a node that goes on when this process ends."""
        self._spawn(self._command())

    def wait_ready(self, timeout: float = READY_TIMEOUT) -> None:
        """Wait until the node answers clients. RuntimeError, with the end of its log, if it ends or time is over."""
        end = time.monotonic() + timeout
        while not answers(self.host, self.port):
            if not self.is_running or time.monotonic() > end:
                raise RuntimeError(
                    f"Cassandra on {self.host}:{self.port} does not answer, see {self.log}:{self._tail()}"
                )
            time.sleep(0.05)  # a process that starts gives no signal; the wait is bounded

    def stop(self) -> None:
        """End the node in order, a paused one too."""
        if self.is_running:
            self.resume()
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the node at once, as a crash does; a paused one too."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let the node stand still: connections stay open, and nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def revive(self) -> None:
        """Make the node answer again, whatever was done to it; start it if it was not yet."""
        if self.is_running:
            self.resume()
            self.wait_ready()
        else:
            self.start()

    def close(self) -> None:
        """Kill the node, if it runs, whoever else holds it."""
        self.kill()
        self.release()
        if self._discard:
            shutil.rmtree(self.home, ignore_errors=True)

    def release(self) -> None:
        """Hold the node no longer; return when it has ended, which it does when nobody holds it."""
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None
        if self._process:
            self._process.wait()

    def _end(self, number: signal.Signals) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(number)
            self._process.wait(STOP_TIMEOUT)

    def _command(self) -> list[str]:
        java = jars.java()
        if java is None:
            raise RuntimeError(jars.missing())
        launch.configure(self.home, self._settings)
        return launch.command(java, jars.jars(), self.home, self._heap, measured=self._measured)

    def _spawn(self, command: Sequence[str], *inherited: int) -> None:
        """Start a process in a session of its own: an interrupt from the keyboard is not for it."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=inherited,
                start_new_session=True,
            )
        (self.home / "pid").write_text(str(self._process.pid))

    def _open_fifo(self) -> int:
        """Hold the node, as long as this process lives; return the other end, for its watcher."""
        self.home.mkdir(parents=True, exist_ok=True)
        fifo = self.home / "holders"
        if not fifo.exists():
            os.mkfifo(fifo)
        holders = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        if self._hold is None:
            self._hold = os.open(fifo, os.O_WRONLY)
        return holders

    def _tail(self) -> str:
        return "\n" + "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])


def _seeds(addresses: str) -> dict[str, Any]:
    provider = "org.apache.cassandra.locator.SimpleSeedProvider"
    return {"class_name": provider, "parameters": [{"seeds": addresses}]}


def _token(host: str) -> int:
    """Return where a node stands in the ring: 127.0.0.1 to 127.0.0.3 share it evenly."""
    return -(2**63) + (int(host.rpartition(".")[2]) * 2**64) // 4


def answers(host: str, port: int) -> bool:
    """Tell whether a Cassandra serves clients there."""
    try:
        with socket.create_connection((host, port), 1) as connection:
            connection.sendall(OPTIONS)
            return connection.recv(1) != b""
    except OSError:
        return False


def free_ports(hosts: Sequence[str]) -> Ports:
    """Return ports that are free on all hosts, below those that the system gives to outgoing connections."""
    candidates = random.sample(range(15_000, 32_000), 1000)
    found = (port for port in candidates if all(_is_free(host, port) for host in hosts))
    return Ports(next(found), next(found))


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.cassandra.node", description="A Cassandra for developers.")
    parser.add_argument("what", choices=["start", "stop"])
    parser.add_argument("directory", type=Path, help="where its data and its log are")
    parser.add_argument("host", nargs="?", default="127.0.0.1", help="127.0.0.1 to 127.0.0.3, for up to three nodes")
    parser.add_argument("--port", type=int, default=9042, help="port for clients")
    parser.add_argument("--storage-port", type=int, default=7000, help="port for other nodes")
    chosen = parser.parse_args()
    if chosen.what == "start":
        _start_by_hand(chosen.directory, chosen.host, Ports(chosen.port, chosen.storage_port))
    else:
        _stop_by_hand(chosen.directory.absolute() / chosen.host)


def _start_by_hand(directory: Path, host: str, ports: Ports) -> None:
    node = CassandraNode(directory, host, ports=ports, heap="1g")
    node.launch_unheld()
    try:
        node.wait_ready()
    except RuntimeError as failed:
        raise SystemExit(str(failed)) from failed
    print(f"{host}:{ports.native}")


def _stop_by_hand(home: Path) -> None:
    """End a node by its id, if that is still the node's."""
    try:
        pid = int((home / "pid").read_text())
        process = os.pidfd_open(pid)
        is_it = str(home) in Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        is_it = False
    if not is_it:
        raise SystemExit(f"no Cassandra runs on {home}")
    signal.pidfd_send_signal(process, signal.SIGTERM)
    if not select.select([process], [], [], STOP_TIMEOUT)[0]:
        raise SystemExit(f"Cassandra, process {pid}, does not end")


if __name__ == "__main__":
    main()
