"""One typed tree of settings: a TOML file, then `ACQS_*` environment, then flags, in that rising order.

Its own module so that a misspelt key is found before anything is started: a queue that silently ran with a default
where the operator wrote a limit would be worse than one that refuses to start.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import stat
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from acqs_core import harmless
from acqs_core.errors import SettingsError

DEFAULT_FILES = (Path("acqs.toml"), Path("/etc/acqs/acqs.toml"))
"""Where a settings file is looked for when none is named: the first that exists is taken."""

_SECRET_KEYS = ("secret", "listen_secret", "send_secret")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _holds_no_nul(cls, value: Any) -> Any:
        if isinstance(value, str | Path) and "\0" in str(value):
            raise ValueError("it holds a NUL, which no name, address or path can")
        return value


class QueueSettings(_Section):
    url: SecretStr = SecretStr("mysql://acqs@127.0.0.1:3306/asterisk")
    """The database: `mysql://user:password@host:port/database` or `sqlite:///path`."""
    tls_ca: Path | None = None
    """A file of PEM certificates: speak TLS, and only with a server whose certificate they signed. Without it TLS is
    spoken where the server offers it, and nothing is checked."""
    tls_verify_name: bool = True
    """With `tls_ca`: the certificate must name the url's host too. Those that MySQL makes for itself name none."""

    @field_validator("url")
    @classmethod
    def _is_known(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        if not re.match(r"(mysql|mariadb)://[^/]*/[^/?]+|sqlite:///.+", text):
            raise ValueError("give mysql://user:password@host:port/database or sqlite:///path")
        if "?" in text:
            raise ValueError("it takes no parameters after a '?'; leave them out (a ? of a password is written %3F)")
        if text.count("@") > 1 and not text.startswith("sqlite:"):
            # What follows the first would be taken for the host, and told to everybody as that.
            raise ValueError("it has a second '@'; an @ of a user or password is written %40")
        return value


class AsteriskSettings(_Section):
    host: str = "127.0.0.1"
    """Where Asterisk's manager listens."""
    port: int = Field(default=5038, ge=1, le=65535)
    username: str = ""
    """The manager user for both roles, unless one of the next gives its own."""
    secret: SecretStr = SecretStr("")
    listen_username: str = ""
    """The listener's manager user; it needs read = call,system."""
    listen_secret: SecretStr = SecretStr("")
    send_username: str = ""
    """The sender's manager user; it needs the write classes of the actions that are queued."""
    send_secret: SecretStr = SecretStr("")
    auth: Literal["plain", "md5"] = "plain"
    """How to log in: the secret as it stands, or an MD5 challenge that keeps it off the wire."""
    tls: bool = False
    """Speak TLS, to the port of manager.conf's tlsbindaddr."""
    tls_ca: Path | None = None
    """A file of PEM certificates to trust in place of the system's, such as a self-signed one."""
    tls_verify: bool = True
    """Check Asterisk's certificate; without that anybody between us and Asterisk can read the secret."""
    tls_server_name: str = ""
    """The name that the certificate must have; empty is `host`."""

    def user(self, role: Literal["listen", "send"]) -> tuple[str, str]:
        """Username and secret of a role."""
        if role == "listen" and self.listen_username:
            return self.listen_username, self.listen_secret.get_secret_value()
        if role == "send" and self.send_username:
            return self.send_username, self.send_secret.get_secret_value()
        return self.username, self.secret.get_secret_value()


class SenderSettings(_Section):
    linger: float = Field(default=10.0, ge=0, le=600)
    """Seconds that a child session stays after its answer (seed step 3)."""
    max_sessions: int = Field(default=100, ge=1, le=5000)
    """Child sessions open at the same time."""
    max_logins: int = Field(default=8, ge=1, le=1000)
    """Child sessions that are logging in at the same time; keep it below Asterisk's authlimit (50) and its listen
    backlog (10), beyond which the kernel drops a connection's first packet and tries again after a second."""
    max_per_second: float = Field(default=0.0, ge=0)
    """Actions sent a second; 0 is no limit."""
    response_timeout: float = Field(default=10.0, gt=0, le=3600)
    """Seconds to wait for Asterisk's answer before the outcome is unknown."""
    expire_new_after: float = Field(default=0.0, ge=0)
    """Seconds after which a NEW row is too old to be sent; 0 is never."""
    allow_actions: tuple[str, ...] = harmless.ACTIONS
    """AMI actions that may be sent, by name; `*` is all."""
    allow_applications: tuple[str, ...] = harmless.APPLICATIONS
    """Applications that an Originate may name in place of an extension; `*` is all."""
    allow_commands: tuple[str, ...] = harmless.COMMANDS
    """First words of the console commands that a Command may run; `*` is all."""
    allow_functions: tuple[str, ...] = harmless.FUNCTIONS
    """Dialplan functions that a row may set or read as variables; `*` is all, and lets `${…}` pass in any header."""
    isolation: Literal["task", "process"] = "task"
    """Where a child session runs: in a task of the sender, or in an operating-system process of its own."""
    on_backlog: Literal["send", "hold"] = "send"
    """After an outage with old NEW rows waiting: send them, or pause until somebody has looked and resumes."""
    backlog_after: float = Field(default=60.0, gt=0)
    """Seconds after which a waiting NEW row counts as backlog for `on_backlog = "hold"`."""

    @field_validator("allow_actions")
    @classmethod
    def _allows_something(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not any(name.strip() for name in value):
            raise ValueError('it allows no action at all; name some, write "*" for all, or leave it out')
        return value


class ListenerSettings(_Section):
    filter: bool = True
    """Ask Asterisk to send the listener only the events it reads, where the user has the right."""


class MetricsSettings(_Section):
    port: int = Field(default=0, ge=0, le=65535)
    """Where /metrics, /healthz and /readyz are served over HTTP; 0 is nowhere."""
    host: str = "127.0.0.1"
    """The address to serve them on; there is no password, so keep it on loopback."""


class ControlSettings(_Section):
    folder: str = ""
    """Where engines have their control sockets; empty is /run/acqs, or the user's own runtime folder."""


class ConsoleSettings(_Section):
    theme: str = "acqs-dark"
    """A theme of the console's: acqs-dark, acqs-light, or one of Textual's own."""
    window: int = Field(default=100_000, ge=1000, le=1_000_000)
    """Rows that the queue pane holds in memory, newest first."""
    low_bandwidth: bool = False
    """Draw twice a second instead of ten times, for slow links."""
    keymap: dict[str, str] = {}
    """Other keys for commands, by the names that the help screen shows: `pause = "ctrl+s"`."""


class Settings(_Section):
    """All settings; `load` makes one from file, environment and flags."""

    server_ip: str = Field(default="127.0.0.1", min_length=1, max_length=15)
    """The value of the server_ip column that this Asterisk box serves."""
    serve_blank: bool = True
    """Also serve rows whose server_ip is empty, as in the seed's example."""
    profile: Literal["acqs"] = "acqs"
    """Which readers the rows are written for."""
    queue: QueueSettings = QueueSettings()
    asterisk: AsteriskSettings = AsteriskSettings()
    sender: SenderSettings = SenderSettings()
    listener: ListenerSettings = ListenerSettings()
    metrics: MetricsSettings = MetricsSettings()
    control: ControlSettings = ControlSettings()
    console: ConsoleSettings = ConsoleSettings()

    @field_validator("server_ip")
    @classmethod
    def _is_plain(cls, value: str) -> str:
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise ValueError("give plain ASCII without blanks around it or control characters in it")
        return value


def load(
    path: Path | None = None, *, environ: dict[str, str] | None = None, flags: dict[str, Any] | None = None
) -> Settings:
    """Read the settings. `path` None looks at DEFAULT_FILES and does without a file when there is none.

    Raises SettingsError naming the key and, for a file, its line.
    """
    source = path or _default_file()
    text = _read(source) if source is not None else ""
    tree = _parse(source, text)
    if source is not None:
        _refuse_open_secret(source, tree)
    env = _from_environment(os.environ if environ is None else environ)
    merged = _merge(_merge(tree, env), flags or {})
    try:
        return Settings(**merged)
    except ValidationError as error:
        sources = _Sources(source, text, tree, env, flags or {})
        raise SettingsError("\n".join(sources.explain(e) for e in error.errors())) from None


def revealed(settings: Settings) -> dict[str, Any]:
    """The settings as plain data, secrets included, for a process of our own; never to be shown or logged."""
    return dict(_plain(settings.model_dump()))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value) if isinstance(value, Path) else value


def _default_file() -> Path | None:
    try:
        return next((path for path in DEFAULT_FILES if path.is_file()), None)
    except PermissionError as error:
        raise SettingsError(f"cannot look for a settings file: {error}; name another with --config") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the settings file {path}: {error}; name another with --config") from None


def _parse(path: Path | None, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"{path}: a number is too long, or tables stand too deep in one another") from None


def _refuse_open_secret(path: Path, tree: dict[str, Any]) -> None:
    asterisk, queue = tree.get("asterisk"), tree.get("queue")
    secret = isinstance(asterisk, dict) and any(asterisk.get(key) for key in _SECRET_KEYS)
    password = isinstance(queue, dict) and re.search(r"://[^/@]*:[^@]+@", str(queue.get("url", "")))
    if (secret or password) and path.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
        raise SettingsError(f"{path} holds a secret and other users can read it; mend it with: chmod o= {path}")


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """`ACQS_SENDER__LINGER=5` is `[sender] linger = 5`. Variables that only other ACQS tools read are left alone."""
    tree: dict[str, Any] = {}
    known = {name.lower() for name in Settings.model_fields}
    for name, value in environ.items():
        if not name.startswith("ACQS_"):
            continue
        keys = name[5:].lower().split("__")
        if keys[0] not in known:
            if len(keys) > 1 or difflib.get_close_matches(keys[0], known, 1):
                raise SettingsError(f"environment {name}: no setting is called {keys[0]!r}{_nearest(keys[0], known)}")
            continue
        node = tree
        for key in keys[:-1]:
            node = node.setdefault(key, {})
            if not isinstance(node, dict):
                raise SettingsError(f"environment {name}: {keys[0]!r} is set as a whole too; leave one of the two out")
        node[keys[-1]] = _names_in(value) if keys[-1].startswith("allow_") else value
    return tree


def _names_in(value: str) -> list[str]:
    return [name.strip() for name in value.split(",") if name.strip()]


def _merge(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    out = dict(low)
    for key, value in high.items():
        below = out.get(key)
        out[key] = _merge(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return out


@dataclasses.dataclass(frozen=True)
class _Sources:
    """Where settings came from, so that a refusal can say which one to mend."""

    path: Path | None
    text: str
    tree: dict[str, Any]
    env: dict[str, Any]
    flags: dict[str, Any]

    def explain(self, error: Any) -> str:
        """One error of pydantic's in a sentence; never with the value, which may be a secret."""
        keys = [str(part) for part in error["loc"] if not isinstance(part, int)]
        dotted = ".".join(keys)
        if error["type"] == "extra_forbidden":
            says = f"no setting is called {dotted!r}{_nearest(keys[-1], _names(keys[:-1]))}"
        else:
            says = f"{dotted}: {error['msg'].removeprefix('Value error, ')}"
        if _has(self.flags, keys):
            return f"command line: {says}"
        if _has(self.env, keys):
            return f"environment ACQS_{'__'.join(keys).upper()}: {says}"
        return f"{self.path}, line {_line_of(self.text, keys)}: {says}" if _has(self.tree, keys) else says


def _has(tree: Any, keys: list[str]) -> bool:
    for key in keys:
        if not isinstance(tree, dict) or key not in tree:
            return False
        tree = tree[key]
    return bool(keys)


def _names(section: list[str]) -> set[str]:
    model: type[BaseModel] = Settings
    for key in section:
        field = model.model_fields.get(key)
        kinds = [field.annotation, *get_args(field.annotation)] if field is not None else []
        model = next((k for k in kinds if isinstance(k, type) and issubclass(k, BaseModel)), model)
    return set(model.model_fields)


def _nearest(name: str, known: set[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(sorted(known))}"


def _line_of(text: str, keys: list[str]) -> int:
    """The line where a key of the file stands, or the table that holds it: tomllib keeps no positions, so the text is
    searched for them."""
    section: list[str] = []
    best, found = 0, 1
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.split("#", 1)[0].strip()
        if bare.startswith("["):
            section = here = _path_of(bare.strip("[] "))
        elif "=" in bare:
            here = section + _path_of(bare.partition("=")[0])
        else:
            continue
        if len(here) > best and here == keys[: len(here)]:
            best, found = len(here), number
    return found


def _path_of(name: str) -> list[str]:
    return [part.strip().strip("\"'") for part in name.split(".")]
