"""Run a command that ends with those who hold it: `python watched.py HOLDERS RUBBISH COMMAND...`.

HOLDERS is the number of a descriptor that reads a FIFO. When the last process that had the FIFO open for writing is
gone, however it ended, a watcher kills the command and removes the directory RUBBISH (empty: none). The process becomes
the command, so its id is the command's.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys


def main(holders: int, rubbish: str, *command: str) -> None:
    process = os.pidfd_open(os.getpid())
    if os.fork():
        os.close(holders)
        os.execv(command[0], command)
    watch(holders, process, rubbish)


def watch(holders: int, process: int, rubbish: str) -> None:
    """Return when the process has ended, by itself or because nobody holds it any more."""
    ended, _, _ = select.select([holders, process], [], [])
    if process in ended:
        return
    signal.pidfd_send_signal(process, signal.SIGKILL)
    select.select([process], [], [])
    if rubbish:
        shutil.rmtree(rubbish, ignore_errors=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
