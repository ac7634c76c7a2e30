"""Looks for secrets in all that a run of the programs leaves to be read."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import secrets
import urllib.parse
from collections.abc import Iterator
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Secret:
    """A secret with every character that some notation writes otherwise, around a core that none does."""

    name: str
    core: str = dataclasses.field(default_factory=lambda: f"x{secrets.token_hex(6)}x")

    @property
    def text(self) -> str:
        return f'%é"@{self.core}/:&\\'

    @property
    def in_url(self) -> str:
        return urllib.parse.quote(self.text, safe="")

    @property
    def in_toml(self) -> str:
        return json.dumps(self.text)

    def forms(self) -> Iterator[bytes]:
        """By what it would be known: its core, which stands in every escaped form, its digests, and base64."""
        raw = self.text.encode()
        yield self.core.encode()
        for digest in (
            hashlib.md5(raw),
            hashlib.sha1(raw),
            hashlib.sha256(raw),
            hashlib.sha1(hashlib.sha1(raw).digest()),
        ):
            yield digest.hexdigest().encode()
        yield base64.b64encode(raw).rstrip(b"=")


class Evidence:
    """What was found where."""

    def __init__(self) -> None:
        self._found: list[tuple[str, bytes]] = []

    def add(self, where: str, what: str | bytes) -> None:
        self._found.append((where, what if isinstance(what, bytes) else what.encode(errors="replace")))

    def add_processes(self, roots: list[int], *, environment: bool) -> list[str]:
        """Command lines of these processes and all below them, and what the kernel shows as the environment of those
        below. Gives the names of the latter."""
        seen = []
        for pid in _below(roots):
            with contextlib.suppress(OSError):
                self.add(f"cmdline of {pid}", Path(f"/proc/{pid}/cmdline").read_bytes())
                if environment and pid not in roots:
                    self.add(f"environ of {pid}", Path(f"/proc/{pid}/environ").read_bytes())
                    seen.append(Path(f"/proc/{pid}/comm").read_text().strip())
        return seen

    def of(self, where: str) -> bytes:
        """All that was found at places whose names begin so."""
        return b"\n".join(what for place, what in self._found if place.startswith(where))

    def leaks(self, known: list[Secret]) -> list[str]:
        """Which secret stands where, with what is around it but not with itself."""
        told = []
        for secret in known:
            for form in secret.forms():
                for where, what in self._found:
                    at = what.lower().find(form.lower())
                    if at >= 0:
                        around = what[max(0, at - 60) : at].decode(errors="replace")
                        told.append(f"{secret.name} in {where}, after {around!r}")
        return told


def _below(roots: list[int]) -> list[int]:
    """These processes and their descendants."""
    parents = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
    found = list(roots)
    for pid in found:  # which grows
        found += [child for child, parent in parents.items() if parent == pid and child not in found]
    return found
