"""Debian packages the lab needs: found or installed, and the mirror to build chroots from.

The mirror is asked of apt, which knows every form its sources may have; naming one here would break a machine that
reaches packages another way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.lab.errors import LabUnavailable
from tests.lab.paths import locked
from tests.lab.progress import step

PROGRAMS = {
    "mariadbd": "mariadb-server-core",
    "mariadb-install-db": "mariadb-server-core",
    "mariadb": "mariadb-client-core",
    "sipp": "sip-tester",
    "debootstrap": "debootstrap",
    "setpriv": "util-linux",
    "unshare": "util-linux",
    "rsvg-convert": "librsvg2-bin fonts-dejavu-core",
}
"""Which packages bring a program, and what it is of no use without. The -core packages hold MariaDB without a
service, so nothing starts by itself."""

_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

APT_ENV = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "PATH": _SYSTEM_PATH}
"""No questions, known words in messages, and sbin even where a user's PATH lacks it."""


def program(name: str) -> str:
    """The path of an installed program. Raises LabUnavailable naming the package that has it."""
    found = shutil.which(name, path=_SYSTEM_PATH)
    if found is None:
        raise LabUnavailable(f"{name} is not installed; install the Debian package {PROGRAMS.get(name, name)}")
    return found


def require_root(what: str) -> None:
    """Raises LabUnavailable unless this is root."""
    if os.geteuid() != 0:
        raise LabUnavailable(f"{what} needs root; run as root or in a container")


def install(programs: Sequence[str]) -> None:
    """Install the packages of those programs that are missing; nothing is touched when none is.

    Raises LabUnavailable when that cannot be done here or `ACQS_LAB_INSTALL=no` forbids it.
    """
    with locked("install"):
        missing = [name for name in programs if shutil.which(name, path=_SYSTEM_PATH) is None]
        if not missing:
            return
        packages = sorted({package for name in missing for package in PROGRAMS[name].split()})
        wanted = " ".join(packages)
        if os.environ.get("ACQS_LAB_INSTALL", "yes").lower() == "no":
            raise LabUnavailable(f"missing: {wanted} (ACQS_LAB_INSTALL=no forbids installing)")
        if shutil.which("apt-get") is None:
            raise LabUnavailable(f"missing: {', '.join(missing)}; on Debian the lab installs {wanted} itself")
        require_root(f"installing {wanted}")
        with step(f"installing {wanted}"):
            run(["apt-get", "update", "-q"])
            run(["apt-get", "install", "-q", "-y", "--no-install-recommends", *packages])


def run(argv: Sequence[str]) -> str:
    """Run a command without questions; its output. Raises LabUnavailable with the end of what it said."""
    done = subprocess.run(
        argv,
        env={**os.environ, **APT_ENV},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        tail = "\n".join(done.stdout.splitlines()[-8:])
        raise LabUnavailable(f"`{' '.join(argv[:6])}` failed with code {done.returncode}:\n{tail}")
    return done.stdout


def mirror() -> str:
    """The package mirror of this machine, as apt has it for its own release. Raises LabUnavailable."""
    if shutil.which("apt-get") is None:
        raise LabUnavailable("no apt on this machine, so no mirror to build a chroot from")
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages"])
    codename = _codename()
    for line in listed.splitlines():
        uri, release, component = line.split()[:3]
        if release == codename and component == "main":
            return uri.rstrip("/")
    raise LabUnavailable(f"apt has no source for {codename} main, so no mirror to build a chroot from")


def _codename() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        if key == "VERSION_CODENAME":
            return value.strip('"')
    raise LabUnavailable("/etc/os-release names no release (testing or not Debian)")


def acquire_settings() -> str:
    """How apt fetches on this machine (proxies, certificates, date checks), as lines for another apt.conf."""
    kept = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv4")
    lines = run(["apt-config", "dump"]).splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith(kept))
