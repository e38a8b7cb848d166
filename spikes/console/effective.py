"""The settings as they are in effect, each with where it comes from; a secret only as set or unset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from spikes.settings import SETTINGS, Setting, Settings, without_credentials


class Effective(msgspec.Struct, frozen=True):
    """One setting: its variable, its value as it may be shown, where that comes from, and what it means."""

    variable: str
    value: str
    source: str
    meaning: str


def effective(settings: Settings, environ: Mapping[str, str], arguments: Sequence[str]) -> list[Effective]:
    """Return all settings; `environ` and `arguments` are those that this process was started with."""
    defaults = Settings(data_dir=settings.data_dir)
    return [
        Effective(
            setting.variable,
            shown(setting, getattr(settings, setting.field)),
            source(setting, getattr(settings, setting.field) == getattr(defaults, setting.field), environ, arguments),
            setting.meaning,
        )
        for setting in SETTINGS
    ]


def source(setting: Setting, is_default: bool, environ: Mapping[str, str], arguments: Sequence[str]) -> str:
    """Return where a setting comes from: flags go before the environment, the environment before --env-file."""
    flag = f"--{setting.field.replace('_', '-')}"
    if any(argument == flag or argument.startswith(f"{flag}=") for argument in arguments):
        return flag
    for name in setting.names:
        if name in environ:
            return f"environment, {name}"
    return "default" if is_default else "--env-file"


def shown(setting: Setting, value: Any) -> str:
    """Return a value as it may be shown."""
    if setting.secret:
        return "unset" if value is None else "set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return without_credentials(str(value))
