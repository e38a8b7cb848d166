"""Settings: each with a default, a wrong one stopped at start with its name and what would be right."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from spikes.settings import SETTINGS, Setting, SettingError, Settings, readme_table, without_credentials

FROM_A_FILE = "https://from-a-file@sentry.example.com/1"
"""A value that is right for every secret."""

WRONG = {
    "SPIKES_HOST": "http://localhost",
    "SPIKES_PORT": "65536",
    "SPIKES_JOURNAL": "spikes.db",
    "SPIKES_JOURNAL_USERNAME": "",
    "SPIKES_JOURNAL_PASSWORD": "two\nlines",
    "SPIKES_DATA_DIR": "",
    "SPIKES_LOG_LEVEL": "loud",
    "SPIKES_LOG_FORMAT": "xml",
    "SPIKES_TOKEN_TTL": "0",
    "SPIKES_ASK_TIMEOUT": "nan",
    "SPIKES_MAX_ENTITIES": "1.5",
    "SPIKES_ENTITY_IDLE": "-1",
    "SPIKES_CORS_ORIGINS": "notes.example.com",
    "SPIKES_TRUSTED_PROXIES": "10.0.0.0/33",
    "SPIKES_RATE_LIMITS": "maybe",
    "SPIKES_REGISTRATION": "ajar",
    "SPIKES_ADMIN_HOST": "::zz",
    "SPIKES_ADMIN_PORT": "-2",
    "SPIKES_ADMIN_TOKEN": "two words",
    "SPIKES_ADMIN_VIEWER_TOKEN": "",
    "SPIKES_CONSOLE_WRITES": "2",
    "SPIKES_SENTRY_DSN": "sentry.example.com",
}
SECRETS = [setting for setting in SETTINGS if setting.secret]


def message(environ: dict[str, str], **overrides: str) -> str:
    with pytest.raises(SettingError) as caught:
        Settings.from_environment(environ, **overrides)
    return str(caught.value)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_environment({"HOME": "/root"}) == Settings()


def test_the_table_has_every_field() -> None:
    assert [setting.field for setting in SETTINGS] == list(Settings.__struct_fields__)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda s: s.variable)
def test_the_default_in_words_is_the_default(setting: Setting) -> None:
    default = getattr(Settings(), setting.field)
    if setting.field == "journal":
        assert default == "sqlite:///./data/spikes.db"
    elif setting.secret:
        assert (setting.default, default) == ("none", None)
    else:
        assert setting.kind.parse(setting.default) == default


@pytest.mark.parametrize("variable", WRONG)
def test_a_wrong_value_names_variable_and_remedy(variable: str) -> None:
    (setting,) = (s for s in SETTINGS if s.variable == variable)
    text = message({variable: WRONG[variable]})
    assert text.startswith(variable)
    assert text.endswith(f"must be {setting.right}")
    assert setting.secret or repr(WRONG[variable]) in text


def test_every_setting_has_a_wrong_value_here() -> None:
    assert list(WRONG) == [setting.variable for setting in SETTINGS]


def test_an_unknown_variable_is_refused_with_the_nearest() -> None:
    assert message({"SPIKES_PROT": "1"}) == "SPIKES_PROT is no setting; the nearest name is SPIKES_PORT"


@pytest.mark.parametrize("name", ["SPIKES_PORT", "SPIKES_PORT_8080_TCP"])
def test_service_links_of_kubernetes_are_explained(name: str) -> None:
    assert "enableServiceLinks: false" in message({name: "tcp://10.0.0.1:8080"})
    assert "enableServiceLinks: false" in message({"SPIKES_SERVICE_HOST": "10.0.0.1"})


@pytest.mark.parametrize("setting", SECRETS, ids=lambda s: s.variable)
def test_every_secret_also_comes_from_a_file(setting: Setting, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{FROM_A_FILE}\n")
    beside = {"SPIKES_JOURNAL_USERNAME": "x", "SPIKES_JOURNAL_PASSWORD": "x"}
    beside.pop(setting.variable, None)
    settings = Settings.from_environment({**beside, setting.variable + "_FILE": str(tmp_path / "token")})
    assert getattr(settings, setting.field) == FROM_A_FILE


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    text = message({"SPIKES_ADMIN_TOKEN": "x", "SPIKES_ADMIN_TOKEN_FILE": str(tmp_path)})
    assert text == "SPIKES_ADMIN_TOKEN and SPIKES_ADMIN_TOKEN_FILE are both set; give only one of them"


@pytest.mark.parametrize("name", ["SPIKES_JOURNAL_USERNAME", "SPIKES_JOURNAL_PASSWORD"])
def test_half_of_the_credentials_is_refused(name: str) -> None:
    text = message({name: "hidden"})
    assert text == "SPIKES_JOURNAL_USERNAME and SPIKES_JOURNAL_PASSWORD are only right together"


def test_an_unreadable_secret_file_is_named(tmp_path: Path) -> None:
    text = message({"SPIKES_ADMIN_TOKEN_FILE": str(tmp_path / "none")})
    assert text.startswith(f"SPIKES_ADMIN_TOKEN_FILE='{tmp_path}/none' can't be read: No such file")


def test_a_wrong_secret_is_never_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("my secret")
    assert "my secret" not in message({"SPIKES_ADMIN_TOKEN": "my secret"})
    assert "my secret" not in message({"SPIKES_ADMIN_TOKEN_FILE": str(tmp_path / "token")})


def test_secrets_are_hidden_when_settings_are_shown() -> None:
    shown = repr(Settings(admin_token="hidden", journal="cassandra://me:hidden@db/notes?ssl_password=hidden"))
    assert "hidden" not in shown
    assert "cassandra://me:***@db/notes?ssl_password=***" in shown


def test_a_password_in_a_broken_url_is_hidden() -> None:
    assert without_credentials("cassandra://me:hidden@[::1/notes") == "cassandra://***@[::1/notes"


@pytest.mark.parametrize("url", ["memory:", "sqlite:////var/lib/spikes.db", "sqlite:///./data/spikes.db"])
def test_a_journal_without_credentials_is_shown_whole(url: str) -> None:
    assert without_credentials(url) == url
    assert Settings.from_environment({"SPIKES_JOURNAL": url}).journal == url


def test_overrides_win_over_the_environment() -> None:
    settings = Settings.from_environment({"SPIKES_PORT": "1", "SPIKES_HOST": "::1"}, port="2", host=None)
    assert (settings.port, settings.host) == (2, "::1")


def test_a_wrong_override_names_its_flag() -> None:
    assert message({}, ask_timeout="soon") == "--ask-timeout='soon' is wrong: it must be a number from 0.01 to 60"


def test_an_unknown_override_is_a_mistake_in_code() -> None:
    with pytest.raises(TypeError, match="no setting 'prot'"):
        Settings.from_environment({}, prot=1)


def test_lists_are_separated_by_commas() -> None:
    environ = {"SPIKES_TRUSTED_PROXIES": "10.0.0.1, 10.1.0.0/16,::1", "SPIKES_CORS_ORIGINS": "none"}
    settings = Settings.from_environment(environ)
    assert settings.trusted_proxies == ("10.0.0.1/32", "10.1.0.0/16", "::1/128")
    assert settings.cors_origins == ()


def test_the_journal_lives_in_the_data_directory() -> None:
    assert Settings.from_environment({"SPIKES_DATA_DIR": "/srv/notes"}).journal == "sqlite:////srv/notes/spikes.db"


def test_settings_can_not_be_changed() -> None:
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]
    assert msgspec.structs.replace(Settings(), port=1).port == 1


def test_the_readme_table_has_a_line_for_each() -> None:
    lines = readme_table().splitlines()
    assert len(lines) == len(SETTINGS) + 2
    assert all(f"`{setting.variable}`" in line for setting, line in zip(SETTINGS, lines[2:], strict=True))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "spikes.example.com", "localhost.example.com"])
def test_a_console_that_others_reach_needs_a_token(host: str) -> None:
    text = message({"SPIKES_ADMIN_HOST": host})
    assert text.startswith(f"SPIKES_ADMIN_HOST={host!r} without SPIKES_ADMIN_TOKEN is wrong: others could reach")
    for more in ({"SPIKES_ADMIN_TOKEN": "secret"}, {"SPIKES_ADMIN_PORT": "-1"}):
        assert Settings.from_environment({"SPIKES_ADMIN_HOST": host, **more}).admin_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "spikes.localhost"])
def test_a_console_of_the_machine_itself_needs_none(host: str) -> None:
    assert Settings.from_environment({"SPIKES_ADMIN_HOST": host}).admin_token is None


def test_viewers_have_another_token_than_operators() -> None:
    text = message({"SPIKES_ADMIN_TOKEN": "same", "SPIKES_ADMIN_VIEWER_TOKEN": "same"})
    assert text.startswith("SPIKES_ADMIN_VIEWER_TOKEN is wrong: it must be another than SPIKES_ADMIN_TOKEN")
    assert "same" not in text
