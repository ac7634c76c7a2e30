"""Settings: where they come from, which source wins, and what is refused with its name, its line and the mend."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from acqs_core import settings
from acqs_core.errors import SettingsError
from acqs_core.settings import Settings, load

Write = Callable[[str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Writes a settings file that only its owner can read."""

    def write(text: str) -> Path:
        path = tmp_path / "acqs.toml"
        path.write_text(text)
        path.chmod(0o600)
        return path

    return write


def refusal(path: Path | None, environ: dict[str, str] | None = None, flags: dict[str, object] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(path, environ=environ or {}, flags=flags)
    return str(caught.value)


FULL = """\
server_ip = "10.0.0.9"
serve_blank = false
profile = "acqs"

[queue]
url = "mysql://acqs:hush@127.0.0.1:3306/asterisk"

[asterisk]
host = "pbx"
port = 5039
username = "acqs"
secret = "hush"

[sender]
linger = 2.5
max_sessions = 7
max_logins = 3
max_per_second = 40
response_timeout = 4
expire_new_after = 60
allow_actions = ["Originate", "Hangup"]

[listener]
filter = false
"""


def test_every_setting_of_a_file_is_read(written: Write) -> None:
    read = load(written(FULL), environ={})
    assert (read.server_ip, read.serve_blank, read.profile) == ("10.0.0.9", False, "acqs")
    assert read.queue.url.get_secret_value() == "mysql://acqs:hush@127.0.0.1:3306/asterisk"
    assert (read.asterisk.host, read.asterisk.port) == ("pbx", 5039)
    assert read.asterisk.user("listen") == read.asterisk.user("send") == ("acqs", "hush")
    sender = read.sender
    assert (sender.linger, sender.max_sessions, sender.max_logins, sender.max_per_second) == (2.5, 7, 3, 40)
    assert (sender.response_timeout, sender.expire_new_after) == (4, 60)
    assert sender.allow_actions == ("Originate", "Hangup")
    assert read.listener.filter is False


def test_without_a_file_the_defaults_hold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(settings, "DEFAULT_FILES", (Path("acqs.toml"), tmp_path / "no" / "acqs.toml"))
    read = load(environ={})
    assert read == Settings()
    assert read.serve_blank


def test_the_first_default_file_that_exists_is_taken(monkeypatch: pytest.MonkeyPatch, written: Write) -> None:
    path = written('server_ip = "10.1.1.1"\n')
    monkeypatch.setattr(settings, "DEFAULT_FILES", (path.with_name("none.toml"), path))
    assert load(environ={}).server_ip == "10.1.1.1"


def test_environment_outranks_the_file_and_flags_outrank_both(written: Write) -> None:
    path = written("[sender]\nlinger = 1\nmax_sessions = 1\nmax_logins = 1\n")
    environ = {"ACQS_SENDER__LINGER": "2", "ACQS_SENDER__MAX_SESSIONS": "2"}
    sender = load(path, environ=environ, flags={"sender": {"linger": 3}}).sender
    assert (sender.linger, sender.max_sessions, sender.max_logins) == (3, 2, 1)


def test_a_bad_value_that_a_higher_source_replaces_is_no_longer_there(written: Write) -> None:
    path = written("[sender]\nlinger = -1\n")
    assert load(path, environ={"ACQS_SENDER__LINGER": "2"}).sender.linger == 2


def test_the_database_may_come_from_the_environment_alone() -> None:
    read = load(environ={"ACQS_QUEUE__URL": "sqlite:////tmp/q.sqlite3", "ACQS_SERVER_IP": "10.2.2.2"})
    assert read.queue.url.get_secret_value() == "sqlite:////tmp/q.sqlite3"
    assert read.server_ip == "10.2.2.2"


@pytest.mark.parametrize(
    ("value", "read"),
    [("Originate, Hangup", ("Originate", "Hangup")), ("Ping", ("Ping",)), ("*", ("*",))],
)
def test_actions_are_listed_with_commas_in_the_environment(value: str, read: tuple[str, ...]) -> None:
    assert load(environ={"ACQS_SENDER__ALLOW_ACTIONS": value}).sender.allow_actions == read


@pytest.mark.parametrize("nothing", ["", " , "])
def test_a_list_of_actions_without_one_is_refused_as_nobody_can_mean_it(nothing: str) -> None:
    with pytest.raises(SettingsError, match=r"environment ACQS_SENDER__ALLOW_ACTIONS: .* allows no action"):
        load(environ={"ACQS_SENDER__ALLOW_ACTIONS": nothing})


def test_no_application_command_or_function_may_be_meant() -> None:
    none = load(environ={f"ACQS_SENDER__ALLOW_{name}": "" for name in ("APPLICATIONS", "COMMANDS", "FUNCTIONS")}).sender
    assert (none.allow_applications, none.allow_commands, none.allow_functions) == ((), (), ())


def test_a_database_url_has_one_at_sign_and_a_path_may_have_more() -> None:
    with pytest.raises(SettingsError, match="second '@'; an @ of a user or password is written %40"):
        load(environ={"ACQS_QUEUE__URL": "mysql://acqs:a@b@127.0.0.1/asterisk"})
    assert load(environ={"ACQS_QUEUE__URL": "sqlite:////srv/a@b@c/q"}).queue.url.get_secret_value().endswith("a@b@c/q")


def test_variables_of_other_tools_are_left_alone() -> None:
    others = {"ACQS_REQUIRE": "mariadb,asterisk", "ACQS_LAB_CACHE": "/x", "ACQS_LAB_INSTALL": "no", "PATH": "/bin"}
    assert load(environ=others) == load(environ={})


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ('server_ipp = "x"\n', 1, "no setting is called 'server_ipp'; did you mean 'server_ip'?"),
        ("\n\n[sender]\nlingr = 3\n", 4, "no setting is called 'sender.lingr'; did you mean 'linger'?"),
        ("[sendr]\nlinger = 3\n", 1, "no setting is called 'sendr'; did you mean 'sender'?"),
        ("[listener]\nx = 1\n", 2, "no setting is called 'listener.x'; there are: filter"),
        ("[asterisk]\nlinger = 1\n[sender]\n", 2, "no setting is called 'asterisk.linger'"),
        (
            "[sender]  # how\n# linger = 1\nlinger = -1\n",
            3,
            "sender.linger: Input should be greater than or equal to 0",
        ),
        ("[sender]\nlinger = nan\n", 2, "sender.linger:"),
        ("[sender]\nmax_per_second = nan\n", 2, "sender.max_per_second:"),
        ("[sender]\nmax_logins = 0\n", 2, "sender.max_logins: Input should be greater than or equal to 1"),
        ("[sender]\nallow_actions = [\n  1,\n]\n", 2, "sender.allow_actions: Input should be a valid string"),
        ("[asterisk]\nport = 70000\n", 2, "asterisk.port: Input should be less than or equal to 65535"),
        ('asterisk.port = "x"\n', 1, "asterisk.port:"),
        ('\nasterisk = { host = "h", port = 0 }\n', 2, "asterisk.port:"),
        ('profile = "other"\n', 1, "profile: Input should be 'acqs'"),
        ('\nserver_ip = " 10.0.0.1"\n', 2, "server_ip: give plain ASCII without blanks around it"),
        ('[queue]\nurl = "postgres://h/db"\n', 2, "queue.url: give mysql://user:password@host:port/database or sqlite"),
        ("sender = 5\n", 1, "sender:"),
    ],
)
def test_a_misspelt_key_or_bad_value_is_refused_with_its_name_and_line(
    written: Write, text: str, line: int, says: str
) -> None:
    path = written(text)
    assert refusal(path).startswith(f"{path}, line {line}: {says}")


def test_everything_that_is_wrong_is_said_at_once(written: Write) -> None:
    said = refusal(written("[sender]\nlinger = -1\nmax_sesions = 3\n"), {"ACQS_ASTERISK__PORT": "x"})
    assert len(said.splitlines()) == 3
    assert {re.sub(r".*(line \d|environment \w+): .*", r"\1", line) for line in said.splitlines()} == {
        "line 2",
        "line 3",
        "environment ACQS_ASTERISK__PORT",
    }


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        (
            {"ACQS_SENDER__LINGR": "1"},
            "environment ACQS_SENDER__LINGR: no setting is called 'sender.lingr'; did you mean",
        ),
        (
            {"ACQS_SENDR__LINGER": "1"},
            "environment ACQS_SENDR__LINGER: no setting is called 'sendr'; did you mean 'sender'",
        ),
        (
            {"ACQS_SERVERIP": "1"},
            "environment ACQS_SERVERIP: no setting is called 'serverip'; did you mean 'server_ip'",
        ),
        (
            {"ACQS_SENDER__LINGER": "long"},
            "environment ACQS_SENDER__LINGER: sender.linger: Input should be a valid number",
        ),
        ({"ACQS_SENDER": "x"}, "environment ACQS_SENDER: sender:"),
        (
            {"ACQS_QUEUE": "x", "ACQS_QUEUE__URL": "sqlite:///x"},
            "environment ACQS_QUEUE__URL: 'queue' is set as a whole",
        ),
    ],
)
def test_a_misspelt_or_bad_variable_is_refused_with_its_name(environ: dict[str, str], says: str) -> None:
    assert refusal(None, environ).startswith(says)


def test_a_bad_flag_is_not_blamed_on_the_file(written: Write) -> None:
    path = written("[sender]\nlinger = 1\n")
    assert refusal(path, flags={"sender": {"linger": -1}}).startswith("command line: sender.linger:")


def test_a_file_that_is_not_toml_is_refused_with_its_line(written: Write) -> None:
    assert "line 2" in refusal(written("[sender]\nlinger = = 1\n"))


def test_a_file_that_is_not_there_or_not_text_is_refused(written: Write, tmp_path: Path) -> None:
    assert "cannot read the settings file" in refusal(tmp_path / "none.toml")
    path = written("")
    path.write_bytes(b'server_ip = "\xff"')
    assert "cannot read the settings file" in refusal(path)


SECRETS = (
    '[asterisk]\nsecret = "hush"\n',
    '[asterisk]\nlisten_secret = "hush"\n',
    '[asterisk]\nsend_secret = "hush"\n',
    '[queue]\nurl = "mysql://u:hush@h/db"\n',
    '[queue]\nurl = "mysql://u:hu/sh@h/db"\n',
)


@pytest.mark.parametrize("text", SECRETS)
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666])
def test_a_file_with_a_secret_that_others_can_read_is_refused_with_the_mend(
    written: Write, text: str, mode: int
) -> None:
    path = written(text)
    path.chmod(mode)
    said = refusal(path)
    assert f"chmod o= {path}" in said
    assert "hush" not in said
    path.chmod(mode & ~0o007)  # what the mend does
    load(path, environ={})


@pytest.mark.parametrize(
    "text", ['server_ip = "10.0.0.1"\n', '[asterisk]\nsecret = ""\n', '[queue]\nurl = "mysql://u@h:3306/db"\n', ""]
)
def test_a_file_without_a_secret_may_be_read_by_all(written: Write, text: str) -> None:
    path = written(text)
    path.chmod(0o644)
    load(path, environ={})


def test_no_secret_is_shown_by_what_is_printed_or_refused(written: Write) -> None:
    assert "hush" not in repr(load(written(FULL), environ={}))
    assert "hush" not in refusal(written('[queue]\nurl = "mysqlx://u:hush@h/db"\n'))
    assert "hush" not in refusal(None, {"ACQS_ASTERISK__SECRET": "hush", "ACQS_ASTERISK__PORT": "hush"})


def test_each_role_has_its_own_user_where_one_is_given() -> None:
    asterisk = Settings.model_validate(
        {"asterisk": {"username": "both", "secret": "b", "listen_username": "ear", "listen_secret": "e"}}
    ).asterisk
    assert asterisk.user("listen") == ("ear", "e")
    assert asterisk.user("send") == ("both", "b")
