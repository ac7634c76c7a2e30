"""Where control sockets are, and who answers there.

An engine that serves 10.0.0.5 as process 4711 listens at `<folder>/10.0.0.5-4711.sock`. A name of its own for each
process, so that one that stands by can be watched too, and so that none ever takes away another's socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

SYSTEM = Path("/run/acqs")
"""Of daemons; made by the service manager (RuntimeDirectory=acqs)."""

SUFFIX = ".sock"


def folder(chosen: str = "") -> Path:
    """The folder of control sockets: the settings' own; else /run/acqs where it is there or we may make it; else the
    user's runtime directory."""
    if chosen:
        return Path(chosen)
    if SYSTEM.is_dir() or os.geteuid() == 0:
        return SYSTEM
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return Path(runtime) / "acqs" if runtime else Path(f"/tmp/acqs-{os.geteuid()}")


def is_ours(place: Path) -> bool:
    """Whether nobody but our own user and root decides what is in a folder: in /tmp anybody may have made it before."""
    return all(found.st_uid in (0, os.geteuid()) for found in (place.lstat(), place.stat()))


def own(place: Path, server_ip: str) -> Path:
    """Where an engine of this process listens."""
    return place / f"{server_ip.replace('/', '_')}-{os.getpid()}{SUFFIX}"


def found(place: Path, server_ip: str) -> list[Path]:
    """The sockets of living engines that serve this server_ip, newest first. Those of dead ones are removed."""
    start = f"{server_ip.replace('/', '_')}-"
    try:
        if place.parent.stat().st_mode & stat.S_IWOTH and not is_ours(place):
            return []  # somebody else made it, to be taken for an engine of ours
        names = [path for path in place.iterdir() if path.name.startswith(start) and path.suffix == SUFFIX]
    except (FileNotFoundError, PermissionError, NotADirectoryError):
        return []
    living = [path for path in names if path.stem.removeprefix(start).isdecimal() and _answers(path)]
    return sorted(living, key=_born, reverse=True)


def _born(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _answers(path: Path) -> bool:
    """Whether somebody listens there. A socket of nobody's is removed: its process was killed."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1.0)
            probe.connect(str(path))
        return True
    except ConnectionRefusedError:
        with contextlib.suppress(OSError):
            path.unlink()
        return False
    except TimeoutError:
        return True  # a process that hangs is there, and is to be said so
    except OSError:
        return False
