"""Whatever stands in a settings file or in the environment is settings that can be lived with, or a SettingsError."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from acqs_core.ami.endpoint import Endpoint
from acqs_core.control import places
from acqs_core.errors import SettingsError
from acqs_core.queue.database import Database
from acqs_core.settings import Settings, load
from tests.faults.effort import effort
from tests.unit.test_settings import FULL


def _keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield before + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _keys(field.annotation, f"{before}{name}.")


KEYS = sorted(_keys(Settings))

scalars = st.one_of(
    st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.datetimes(), st.dates(),
    st.sampled_from(["inf", "nan", "\0", "..", "a" * 300, "sqlite:///\0", "mysql://[/x", "mysql://a:b@c:99999999/x",
                     "٣", "mysql://h:x/y", "a\nb", "xn--" + "a" * 70, 10**400, 1e308, -0.0]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def toml(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "nan" if math.isnan(value) else repr(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, str):
        escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value)
        return f'"{escaped}"'
    return str(value)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("settings") / "acqs.toml"
    made.touch(mode=0o600)
    return made


def live_with(settings: Settings, path: Path) -> None:
    """What a program does with settings before it has begun."""
    with contextlib.suppress(SettingsError):
        Database.of(settings.queue, pool_size=1)
    for role in ("listen", "send"):
        with contextlib.suppress(SettingsError):
            Endpoint.of(settings.asterisk, role)
    assert places.found(places.folder(str(path.parent / settings.control.folder)), settings.server_ip) == []
    for number in (settings.sender.max_per_second, settings.sender.expire_new_after, settings.sender.backlog_after):
        assert math.ceil(number) >= 0


def read(path: Path, content: bytes, environ: dict[str, str]) -> None:
    path.write_bytes(content)
    with contextlib.suppress(SettingsError):
        live_with(load(path, environ=environ), path)


@effort(150)
@given(st.dictionaries(st.sampled_from(KEYS), values, max_size=4))
@example({"sender.max_per_second": math.inf})
@example({"sender.backlog_after": math.nan})
@example({"server_ip": "a\nb"})
@example({"server_ip": "a\0b"})
@example({"control.folder": "\0"})
@example({"queue.tls_ca": "\0"})
@example({"asterisk.tls": True, "asterisk.tls_ca": "\0"})
@example({"asterisk.host": "a" * 300})
def test_any_value_of_any_setting(path: Path, tree: dict[str, Any]) -> None:
    read(path, "\n".join(f"{key} = {toml(value)}" for key, value in tree.items()).encode(errors="replace"), {})


@effort(80)
@given(st.binary(max_size=200), st.floats(0, 1), st.integers(0, 40))
@example(b"a = " + b"[" * 5000, 0.0, 0)
@example(b"a = " + b"{a = " * 5000, 0.0, 0)
@example(b"a = " + b"9" * 10_000, 0.0, 0)
@example(b".".join([b"a"] * 5000) + b" = 1\n", 0.0, 0)
def test_any_bytes_of_a_file(path: Path, junk: bytes, where: float, count: int) -> None:
    content = bytearray(FULL.encode())
    at = int(where * len(content))
    content[at : at + count] = junk
    read(path, bytes(content), {})


names = st.builds("ACQS_{}".format, st.one_of(st.sampled_from([key.replace(".", "__").upper() for key in KEYS]),
                                             st.text("ABCDEINORSTU_", max_size=20)))  # fmt: skip


@effort(100)
@given(
    st.dictionaries(names, st.text(max_size=20) | st.sampled_from(["inf", "nan", "1", "true", "\0", "[]"]), max_size=4)
)
@example({"ACQS_SENDER__MAX_PER_SECOND": "inf"})
@example({"ACQS_QUEUE__URL": "x", "ACQS_QUEUE__URL__X": "y"})
def test_any_environment(path: Path, environ: dict[str, str]) -> None:
    read(path, FULL.encode(), environ)
