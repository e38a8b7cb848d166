"""Log lines: one JSON object each, the libraries' too, or text at a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.processes import TIMEOUT, environment

SCRIPT = """
import logging, sys, warnings, structlog
from aiohttp.http_exceptions import InvalidHeader
from spikes import log
from spikes.settings import Settings
log.set_up(Settings(log_level=sys.argv[1], log_format=sys.argv[2]), service="test")
structlog.get_logger().debug("small")
structlog.get_logger().info("done", notes=3, odd={1, 2}.__class__)
logging.getLogger("driver").warning("slow by %s ms", 7)
warnings.warn("old")
try:
    raise InvalidHeader(b"Authorization: Bearer secret")
except InvalidHeader:
    logging.getLogger("aiohttp.server").exception("Error handling request from %s", "192.0.2.7")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("broken")
"""


def written(level: str = "info", form: str = "auto") -> list[str]:
    command = [sys.executable, "-c", SCRIPT, level, form]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, env=environment(), check=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def lines(level: str = "info") -> list[dict[str, Any]]:
    return [json.loads(line) for line in written(level)]


def test_a_line_is_a_json_object_with_time_and_level() -> None:
    done = lines()[0]
    assert list(done) == ["time", "level", "event", "service", "notes", "odd"]
    assert (done["level"], done["event"], done["service"], done["notes"]) == ("info", "done", "test", 3)
    assert done["time"].endswith("Z")


def test_lines_below_the_level_are_left_out() -> None:
    assert lines("debug")[0]["event"] == "small"
    assert [line["event"] for line in lines("error")] == ["broken"]


def test_what_libraries_log_looks_the_same() -> None:
    slow = next(line for line in lines() if line["event"] == "slow by 7 ms")
    assert (slow["library"], slow["level"], slow["service"]) == ("driver", "warning", "test")


def test_of_what_is_no_http_nothing_is_written_but_that_it_came() -> None:
    malformed = next(line for line in lines() if line["event"] == "malformed_request")
    assert (malformed["level"], malformed["problem"]) == ("info", "InvalidHeader")
    assert not any("secret" in line or "192.0.2.7" in line for line in written())


def test_warnings_are_logged() -> None:
    assert any("UserWarning: old" in line["event"] for line in lines())


def test_an_exception_is_one_line_with_its_traceback() -> None:
    assert "ZeroDivisionError" in lines()[-1]["exception"]


def test_the_console_form_is_for_people() -> None:
    assert "done" in written(form="console")[0]
    assert not written(form="console")[0].startswith("{")
