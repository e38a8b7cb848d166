"""Where a command's settings come from: its flags, the environment, a file of variables."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from spikes.settings import SettingError, Settings

LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_]\w*)=(?:\"([^\"]*)\"|'([^']*)'|([^\"']*?))\s*", re.ASCII)
FLAGS = ("host", "port", "journal")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Return the settings for a command: flags first, then the environment, then the file. Raises SettingError."""
    file = getattr(arguments, "env_file", None)
    environ = {**(variables(file) if file else {}), **os.environ}
    return Settings.from_environment(environ, **{flag: getattr(arguments, flag, None) for flag in FLAGS})


def variables(file: str) -> dict[str, str]:
    """Return the variables of a file of `NAME=value` lines, the value quoted or not, and `#` comments.

    Raises SettingError if the file can't be read or a line is something else.
    """
    try:
        lines = Path(file).read_text().splitlines()
    except (OSError, ValueError) as problem:
        raise SettingError(f"--env-file={file!r} can't be read: {problem}") from None
    return dict(_variable(file, number, line) for number, line in enumerate(lines, start=1) if _says_something(line))


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _variable(file: str, number: int, line: str) -> tuple[str, str]:
    match = LINE.fullmatch(line)
    if match is None:
        raise SettingError(f"--env-file={file!r} line {number} is wrong: it must be NAME=value, or start with #")
    name, *values = match.groups()
    return name, next((value for value in values if value is not None), "")
