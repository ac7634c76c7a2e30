"""A chroot that holds one Asterisk of one Debian release, built once and kept.

Another Asterisk than the machine's own release has (bookworm has none at all) comes from its own release this way,
without touching the machine. A stamp written last says that the build was finished: no stamp, no chroot.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab import debian
from tests.lab.paths import cache_dir, locked
from tests.lab.progress import say, step

RECIPE = 1
"""Raised when the steps below change, so that older chroots are built anew."""

_INSIDE = """
set -e
mount -t proc proc /proc
apt-get update -q
apt-get install -q -y --no-install-recommends asterisk
apt-get clean
rm -rf /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
mkdir -p /lab
"""


@dataclass(frozen=True, slots=True)
class Chroot:
    """A finished chroot: where it is, its Debian release and the Asterisk in it, e.g. `22.10.1`."""

    path: Path
    suite: str
    asterisk: str
    recipe: int = RECIPE

    @property
    def release(self) -> tuple[int, ...]:
        """The Asterisk version as numbers, to be compared."""
        return tuple(int(part) for part in self.asterisk.split("."))


def prepared(suite: str) -> Chroot | None:
    """The chroot of a release if it is there, finished and of this recipe."""
    root = cache_dir() / f"asterisk-{suite}"
    try:
        stamp = json.loads(_stamp(suite).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if stamp.get("recipe") != RECIPE or not (root / "usr/sbin/asterisk").exists():
        return None
    return Chroot(root, suite, stamp["asterisk"])


def prepare(suite: str = "sid") -> Chroot:
    """The chroot of a Debian release, built when it is missing (about a minute, 100 MB fetched).

    Raises LabUnavailable when this machine cannot build it.
    """
    debian.require_root("Asterisk in a chroot")
    with locked(f"asterisk-{suite}"):
        there = prepared(suite)
        if there is not None:
            return there
        debian.install(["debootstrap", "unshare", "setpriv"])
        with step(f"building a chroot of Debian {suite} with Asterisk"):
            return _build(suite)


def _build(suite: str) -> Chroot:
    root = cache_dir() / f"asterisk-{suite}"
    for left in (root, *cache_dir().glob(f"asterisk-{suite}.building-*")):
        _remove(left)
    _stamp(suite).unlink(missing_ok=True)
    building = Path(tempfile.mkdtemp(prefix=f"asterisk-{suite}.building-", dir=cache_dir()))
    building.chmod(0o755)
    mirror = debian.mirror()
    begun = time.monotonic()
    # A mount namespace of its own: what debootstrap or apt mount is gone with them, even when they are killed.
    secure = ["--include=ca-certificates"] if mirror.startswith("https:") else []
    debian.run(["unshare", "--mount", "debootstrap", "--variant=minbase", *secure, suite, str(building), mirror])
    say(f"base system: {time.monotonic() - begun:.1f} s")
    _let_apt_fetch(building)
    begun = time.monotonic()
    debian.run(["unshare", "--mount", "chroot", str(building), "sh", "-c", _INSIDE])
    say(f"asterisk: {time.monotonic() - begun:.1f} s")
    chroot = Chroot(root, suite, _asterisk_version(building))
    building.rename(root)
    stamp = {**asdict(chroot), "path": str(root), "built": time.strftime("%Y-%m-%dT%H:%M:%S%z")}
    _stamp(suite).write_text(json.dumps(stamp, indent=1) + "\n")
    return chroot


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


def _asterisk_version(root: Path) -> str:
    """`22.10.1` out of `Asterisk 22.10.1+dfsg+~cs6.17...` or `Asterisk 16.28.0~dfsg-0+deb11u4`."""
    said = subprocess.run(["chroot", str(root), "asterisk", "-V"], check=True, capture_output=True, text=True).stdout
    digits = ""
    for letter in said.split()[1]:
        if not (letter.isdigit() or letter == "."):
            break
        digits += letter
    return digits.rstrip(".")


def _remove(path: Path) -> None:
    """Remove a chroot, but never through a mount: an older debootstrap may have been killed with /proc mounted."""
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{path}/")), reverse=True):
        debian.run(["umount", "--lazy", mount])
    if path.exists():
        shutil.rmtree(path)


def _stamp(suite: str) -> Path:
    return cache_dir() / f"asterisk-{suite}.json"
