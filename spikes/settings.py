"""The settings: frozen, from the environment, and checked at start so that a wrong one never reaches a request.

`SETTINGS` is the one table of them; README's table is made from it and a test compares the two. A secret can also
come from a file (`SPIKES_ADMIN_TOKEN_FILE`). A leaf: every room may import this, it imports none.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec

from spikes.kinds import Kind, address, choice, comma_separated, matching, number, switch

PREFIX = "SPIKES_"
FILE_SUFFIX = "_FILE"
DATABASE = "spikes.db"


class SettingError(Exception):
    """A setting is wrong; the message names the variable, its value unless it is a secret, and what would be right."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings, each with its default. Times are in seconds.

    `journal` left empty becomes the SQLite file in `data_dir`. Built directly, nothing is checked: that is for tests.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    journal: str = ""
    journal_username: str | None = None
    journal_password: str | None = None
    data_dir: str = "./data"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    token_ttl: int = 7200
    ask_timeout: float = 3.0
    max_entities: int = 100_000
    entity_idle: float = 600.0
    cors_origins: tuple[str, ...] = ("*",)
    trusted_proxies: tuple[str, ...] = ()
    rate_limits: bool = True
    registration: Literal["open", "closed"] = "open"
    admin_host: str = "127.0.0.1"
    admin_port: int = 9090
    admin_token: str | None = None
    admin_viewer_token: str | None = None
    console_writes: bool = False
    sentry_dsn: str | None = None

    def __post_init__(self) -> None:
        if not self.journal:
            msgspec.structs.force_setattr(self, "journal", f"sqlite:///{self.data_dir}/{DATABASE}")

    def __repr__(self) -> str:
        shown = {**msgspec.structs.asdict(self), "journal": self.journal_shown}
        for setting in SETTINGS:
            if setting.secret and shown[setting.field]:
                shown[setting.field] = "***"
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @property
    def journal_shown(self) -> str:
        """The journal's URL as it may be logged: without passwords."""
        return without_credentials(self.journal)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], **overrides: str | int | float | None) -> Settings:
        """Return the settings of `environ`; `overrides` (the command line's, by field; None is not given) go first.

        Raises SettingError for a wrong value, an unreadable file, an unknown variable that starts with SPIKES_, half of
        the journal's credentials, or an admin console that others could reach without a token.
        """
        _refuse_unknown(environ)
        values = {s.field: s.read(text, s.variable) for s in SETTINGS if (text := s.text(environ)) is not None}
        for field, value in overrides.items():
            if value is not None:
                values[field] = _by_field(field).read(str(value), "--" + field.replace("_", "-"))
        if ("journal_username" in values) != ("journal_password" in values):
            raise SettingError("SPIKES_JOURNAL_USERNAME and SPIKES_JOURNAL_PASSWORD are only right together")
        settings = cls(**values)
        if settings.admin_port >= 0 and settings.admin_token is None and not means_this_machine(settings.admin_host):
            raise SettingError(
                f"SPIKES_ADMIN_HOST={settings.admin_host!r} without SPIKES_ADMIN_TOKEN is wrong: others could reach "
                "the console; set a token, or listen on 127.0.0.1, or turn it off by SPIKES_ADMIN_PORT=-1"
            )
        if settings.admin_token is not None and settings.admin_token == settings.admin_viewer_token:
            raise SettingError(
                "SPIKES_ADMIN_VIEWER_TOKEN is wrong: it must be another than SPIKES_ADMIN_TOKEN, or viewers may do all"
            )
        return settings


class Setting(msgspec.Struct, frozen=True):
    """One row of the table: a name, its default in words, what it means, and what its values may be."""

    name: str
    default: str
    meaning: str
    kind: Kind
    secret: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return PREFIX + self.name

    @property
    def field(self) -> str:
        """The name in `Settings`."""
        return self.name.lower()

    @property
    def right(self) -> str:
        """What values are right, in words."""
        return self.kind.right

    @property
    def names(self) -> tuple[str, ...]:
        """The environment variables that set this."""
        return (self.variable, self.variable + FILE_SUFFIX) if self.secret else (self.variable,)

    def text(self, environ: Mapping[str, str]) -> str | None:
        """Return what the environment, or the file that it names, says; None if nothing."""
        file = environ.get(self.variable + FILE_SUFFIX) if self.secret else None
        if file is None:
            return environ.get(self.variable)
        if self.variable in environ:
            raise SettingError(f"{self.variable} and {self.variable}{FILE_SUFFIX} are both set; give only one of them")
        return self._content(file)

    def read(self, text: str, given_as: str) -> Any:
        """Return the value of `text`, which the operator gave as `given_as`; raises SettingError."""
        try:
            return self.kind.parse(text.strip())
        except ValueError:
            shown = "" if self.secret else f"={without_credentials(text)!r}"
            raise SettingError(
                f"{given_as}{shown} is wrong: it must be {self.right}{_service_link(given_as, text)}"
            ) from None

    def _content(self, file: str) -> str:
        try:
            return Path(file).read_text().strip()
        except (OSError, ValueError) as problem:
            reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
            message = f"{self.variable}{FILE_SUFFIX}={file!r} can't be read: {reason}; it must name a text file"
            raise SettingError(message) from None


def means_this_machine(host: str) -> bool:
    """Tell whether a host name or an IP address always means the machine itself."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_credentials(url: str) -> str:
    """Return a URL whose password, and any part of the query that may be a secret, is hidden."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"//.*@", "//***@", url)
    user, at, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}:***@{host}" if at and ":" in user else parts.netloc
    query = re.sub(r"(?i)([^&=]*(?:password|secret|token)[^&=]*)=[^&]*", r"\1=***", parts.query)
    if (netloc, query) == (parts.netloc, parts.query):
        return url
    return urlunsplit(parts._replace(netloc=netloc, query=query))


# --------------------------------------------------------------------------------------------- what the values may be


HOST = Kind("a host name or an IP address", address)
TOKEN = matching("1 to 512 printable ASCII characters without spaces", "[!-~]{1,512}")
JOURNAL = matching(
    "a journal's URL, like memory:, sqlite:///path/spikes.db or cassandra://host1,host2/spikes",
    r"memory:|[a-z][a-z0-9+.-]*://\S+",
)
LINE = matching("1 to 512 characters in one line", "[^\0\r\n]{1,512}")
DSN = matching("a DSN like https://key@sentry.example.com/1", r"https?://[^\s/@]+@[^\s/@]+/\S*\d+")
ORIGIN = matching("an origin", r"\*|[a-z][a-z0-9+.-]*://[^\s/?#@]+")
ORIGINS = comma_separated("*, none, or origins like https://notes.example.com, separated by commas", ORIGIN.parse)
NETWORKS = comma_separated(
    "none, or IP addresses and networks like 10.0.0.0/8, separated by commas",
    lambda text: str(ipaddress.ip_network(text)),
)

SETTINGS: tuple[Setting, ...] = (
    Setting("HOST", "127.0.0.1", "address to listen on", HOST),
    Setting("PORT", "8080", "port to listen on; 0 is any free one", number(int, 0, 65535)),
    Setting("JOURNAL", "spikes.db in the data directory", "where events are kept", JOURNAL),
    Setting("JOURNAL_USERNAME", "none", "user at Cassandra; at Astra the client id, or `token`", LINE, secret=True),
    Setting("JOURNAL_PASSWORD", "none", "the password; at Astra the client secret, or the token", LINE, secret=True),
    Setting("DATA_DIR", "./data", "directory of what is kept in files", matching("the path of a directory", "[^\0]+")),
    Setting("LOG_LEVEL", "info", "least important log lines to write", choice("debug", "info", "warning", "error")),
    Setting("LOG_FORMAT", "auto", "auto is console on a terminal, else json", choice("auto", "json", "console")),
    Setting("TOKEN_TTL", "7200", "how long a login lasts, in seconds", number(int, 1, 31_536_000, "(a year)")),
    Setting("ASK_TIMEOUT", "3", "longest wait for an answer, in seconds; then 503", number(float, 0.01, 60)),
    Setting("MAX_ENTITIES", "100000", "most entities kept in memory", number(int, 1, 100_000_000)),
    Setting(
        "ENTITY_IDLE", "600", "idle seconds until an entity leaves memory", number(float, 0.01, 604_800, "(a week)")
    ),
    Setting("CORS_ORIGINS", "*", "web origins whose scripts may call the API", ORIGINS),
    Setting("TRUSTED_PROXIES", "none", "proxies whose X-Forwarded-For is believed", NETWORKS),
    Setting("RATE_LIMITS", "on", "limits on requests a minute, in each process", switch("on or off")),
    Setting("REGISTRATION", "open", "whether anyone may register", choice("open", "closed")),
    Setting("ADMIN_HOST", "127.0.0.1", "address of the admin console", HOST),
    Setting("ADMIN_PORT", "9090", "its port; 0 is any free one, -1 is off", number(int, -1, 65535)),
    Setting("ADMIN_TOKEN", "none", "token that may do everything in the console", TOKEN, secret=True),
    Setting("ADMIN_VIEWER_TOKEN", "none", "token that may only look in the console", TOKEN, secret=True),
    Setting("CONSOLE_WRITES", "0", "whether the console may change anything", switch("1 or 0")),
    Setting("SENTRY_DSN", "none", "where Sentry takes reports of what nobody expected", DSN, secret=True),
)


def _by_field(field: str) -> Setting:
    for setting in SETTINGS:
        if setting.field == field:
            return setting
    raise TypeError(f"there is no setting {field!r}")


def _refuse_unknown(environ: Mapping[str, str]) -> None:
    known = [name for setting in SETTINGS for name in setting.names]
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known:
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0)[0]
            raise SettingError(
                f"{name} is no setting; the nearest name is {nearest}{_service_link(name, environ[name])}"
            )


def _service_link(name: str, text: str) -> str:
    """Explain what Kubernetes puts into the environment for a Service that is called like the settings' prefix."""
    if not (re.match(r"(tcp|udp)://[\d.:\[]", text) or name.startswith("SPIKES_SERVICE_")):
        return ""
    return " (Kubernetes sets this for a Service named spikes; set enableServiceLinks: false in the pod)"


def readme_table() -> str:
    """Return the table of all settings in Markdown, as it stands in README."""
    rows = (
        f"| `{s.variable}` | {s.default.replace('*', '`*`')} | {s.meaning} | {s.right.replace('*,', '`*`,')} |"
        for s in SETTINGS
    )
    return "\n".join(("| variable | default | meaning | right values |", "| --- | --- | --- | --- |", *rows)) + "\n"
