"""A chroot that holds one server of one Debian release, built once and kept.

Another Asterisk than the machine's own release has (bookworm has none at all), or a MySQL beside its MariaDB, comes
from its own release this way, without touching the machine. A stamp written last says that the build was finished: no
stamp, no chroot.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab import debian
from tests.lab.errors import LabUnavailable
from tests.lab.paths import cache_dir, locked
from tests.lab.progress import say, step

RECIPE = 1
"""Raised when the steps below change, so that older chroots are built anew."""

_INSIDE = """
set -e
mount -t proc proc /proc
apt-get update -q
apt-get install -q -y --no-install-recommends "$@"
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
mkdir -p /lab
"""


@dataclass(frozen=True, slots=True)
class Content:
    """What a chroot is built for."""

    name: str
    packages: tuple[str, ...]
    program: str
    """The server's path in the chroot."""
    ask_version: tuple[str, ...]
    """A command in the chroot whose output holds the version as its first number with dots."""


ASTERISK = Content("asterisk", ("asterisk",), "usr/sbin/asterisk", ("asterisk", "-V"))
MYSQL = Content("mysql", ("mysql-server-core", "mysql-client-core"), "usr/sbin/mysqld", ("mysqld", "--version"))


@dataclass(frozen=True, slots=True)
class Chroot:
    """A finished chroot: where it is, its Debian release and the version of its server, e.g. `22.10.1`."""

    path: Path
    suite: str
    version: str

    @property
    def release(self) -> tuple[int, ...]:
        """The version as numbers, to be compared."""
        return tuple(int(part) for part in self.version.split("."))

    def command(self, *argv: str) -> list[str]:
        """The command that runs `argv` in the chroot."""
        return ["chroot", str(self.path), *argv]


def prepared(content: Content, suite: str) -> Chroot | None:
    """The chroot of a release if it is there, finished and of this recipe."""
    root = cache_dir() / f"{content.name}-{suite}"
    try:
        stamp = json.loads(_stamp(root).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if stamp.get("recipe") != RECIPE or not (root / content.program).exists():
        return None
    return Chroot(root, suite, stamp[content.name])


def prepare(content: Content = ASTERISK, suite: str = "sid") -> Chroot:
    """The chroot of a Debian release, built when it is missing (about a minute, 100 MB fetched).

    Raises LabUnavailable when this machine cannot build it.
    """
    debian.require_root(f"{content.name} in a chroot")
    with locked(f"{content.name}-{suite}"):
        there = prepared(content, suite)
        if there is not None:
            return there
        debian.install(["debootstrap", "unshare", "setpriv"])
        with step(f"building a chroot of Debian {suite} with {' and '.join(content.packages)}"):
            return _build(content, suite)


def _build(content: Content, suite: str) -> Chroot:
    root = cache_dir() / f"{content.name}-{suite}"
    for left in (root, *cache_dir().glob(f"{root.name}.building-*")):
        _remove(left)
    _stamp(root).unlink(missing_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f"{root.name}.building-", dir=cache_dir()))
    building.chmod(0o755)
    mirror = debian.mirror()
    begun = time.monotonic()
    # A mount namespace of its own: what debootstrap or apt mount is gone with them, even when they are killed.
    secure = ["--include=ca-certificates"] if mirror.startswith("https:") else []
    debian.run(["unshare", "--mount", "debootstrap", "--variant=minbase", *secure, suite, str(building), mirror])
    say(f"base system: {time.monotonic() - begun:.1f} s")
    _let_apt_fetch(building)
    begun = time.monotonic()
    debian.run(["unshare", "--mount", "chroot", str(building), "sh", "-c", _INSIDE, "sh", *content.packages])
    say(f"{content.name}: {time.monotonic() - begun:.1f} s")
    version = _version(building, content)
    building.rename(root)
    stamp = {"path": str(root), "suite": suite, content.name: version, "recipe": RECIPE}
    _stamp(root).write_text(json.dumps(stamp | {"built": time.strftime("%Y-%m-%dT%H:%M:%S%z")}, indent=1) + "\n")
    return Chroot(root, suite, version)


def _let_apt_fetch(root: Path) -> None:
    """Give the chroot's apt the machine's way of fetching, and forbid it to start services."""
    (root / "etc/apt/apt.conf.d/99machine").write_text(debian.acquire_settings())
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    if certificates.exists():
        target = root / "etc/ssl/certs/ca-certificates.crt"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(certificates, target)
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)


def _version(root: Path, content: Content) -> str:
    """`22.10.1` out of `Asterisk 22.10.1+dfsg+~cs6.17...` or `Asterisk 16.28.0~dfsg-0+deb11u4`."""
    said = subprocess.run(["chroot", str(root), *content.ask_version], check=True, capture_output=True, text=True)
    found = re.search(r"\d+(\.\d+)+", said.stdout)
    if found is None:
        raise LabUnavailable(f"{' '.join(content.ask_version)} said no version: {said.stdout!r}")
    return found[0]


def _remove(path: Path) -> None:
    """Remove a chroot, but never through a mount: an older debootstrap may have been killed with /proc mounted."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{path}/")), reverse=True):
        debian.run(["umount", "--lazy", mount])
    if path.exists():
        shutil.rmtree(path)


def _stamp(root: Path) -> Path:
    return root.with_name(f"{root.name}.json")
