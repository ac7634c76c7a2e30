"""The configuration of one Asterisk instance, written into a directory of its own.

Nothing is shared between instances but the read-only chroot: ports, sockets, database, logs and secrets are their own,
so that a test may start a second Asterisk beside the first.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trustme

_STATIC = Path(__file__).parent / "etc"

_DIRECTORIES = ("etc", "run", "db", "var", "spool", "log", "keys")

_EMPTY = ("acl", "ccss", "cel", "features", "indications", "pjproject", "udptl")
"""Files that are there only to be empty: without them Asterisk's log begins with a screen of errors."""

LISTENER_EVENTS = (
    "Newchannel",
    "Newstate",
    "NewCallerid",
    "Rename",
    "Hangup",
    "OriginateResponse",
    "FullyBooted",
    "Shutdown",
)
"""What the lab's Asterisk lets through to `acqs_listen`: events that carry identity or the state of a call
(facts/ami.md, "Keeping the flood away")."""

CA_FILE = "ca.pem"
"""In an instance's keys/: who trusts this trusts its manager's TLS port."""

NAMED_FILTERS_SINCE = (22, 1)
"""From this Asterisk on a filter may name its event; before, it is an unanchored regex over the text (facts/ami.md)."""


@dataclass(frozen=True, slots=True)
class ManagerUser:
    """A user of manager.conf: classes it may read and write, and whether its events are filtered."""

    name: str
    read: str
    write: str
    filtered: bool = False
    more: tuple[str, ...] = ()
    """Further lines of its section."""
    secret: str = field(default_factory=lambda: secrets.token_hex(8), repr=False)


def manager_users() -> dict[str, ManagerUser]:
    """The lab's manager users, with secrets drawn anew for every instance."""
    users = (
        ManagerUser("acqs_send", read="", write="originate,call,system,command,reporting,user"),
        ManagerUser("acqs_listen", read="call,system,reporting", write="system,reporting", filtered=True),
        ManagerUser("admin", read="all", write="all"),
        ManagerUser("call_only", read="call", write="call"),
        ManagerUser("acqs_once", read="call,system", write="all", more=("allowmultiplelogin = no",)),
        ManagerUser("acqs_denied", read="all", write="all", more=("deny = 0.0.0.0/0.0.0.0",)),
    )
    return {user.name: user for user in users}


@dataclass(frozen=True, slots=True)
class InstanceConfig:
    """Everything that differs from one instance to the next. `inside` is its directory as Asterisk sees it."""

    inside: Path
    release: tuple[int, ...]
    ami_port: int
    tls_port: int
    sip_port: int
    users: Mapping[str, ManagerUser]
    phones: Mapping[str, int]
    """Contact ports of the SIP phones by endpoint name; 0 is an endpoint without a contact."""
    systemname: str = ""
    general: Mapping[str, str] = field(default_factory=dict)
    """Further settings of manager.conf's general section, such as `authlimit`."""

    def write(self, outside: Path) -> None:
        """Write all files below `outside`, the same directory as this process sees it. Secrets are for root only."""
        for name in _DIRECTORIES:
            (outside / name).mkdir(mode=0o700, exist_ok=True)
        etc = outside / "etc"
        for source in _STATIC.iterdir():
            shutil.copyfile(source, etc / source.name)
        for name in _EMPTY:
            (etc / f"{name}.conf").touch()
        (etc / "asterisk.conf").write_text(self._asterisk())
        (etc / "manager.conf").write_text(self._manager())
        self._certify(outside / "keys")
        (etc / "pjsip.conf").write_text(self._pjsip())

    def _asterisk(self) -> str:
        places = {
            "astetcdir": "etc",
            "astvarlibdir": "var",
            "astdbdir": "db",
            "astkeydir": "keys",
            "astspooldir": "spool",
            "astrundir": "run",
            "astlogdir": "log",
            "astcachedir": "var",
        }
        lines = ["[directories]", *(f"{key} => {self.inside / name}" for key, name in places.items())]
        lines += ["astdatadir => /usr/share/asterisk", "astagidir => /usr/share/asterisk/agi-bin"]
        lines += ["", "[options]", "documentation_language = en_US"]
        if self.systemname:
            lines.append(f"systemname = {self.systemname}")
        return "\n".join(lines) + "\n"

    def _manager(self) -> str:
        lines = [
            "[general]",
            "enabled = yes",
            "webenabled = no",
            "timestampevents = no",
            "bindaddr = 127.0.0.1",
            f"port = {self.ami_port}",
            "tlsenable = yes",
            f"tlsbindaddr = 127.0.0.1:{self.tls_port}",
            f"tlscertfile = {self.inside}/keys/manager.pem",
            f"tlsprivatekey = {self.inside}/keys/manager.pem",
            *(f"{key} = {value}" for key, value in self.general.items()),
        ]
        for user in self.users.values():
            lines += ["", f"[{user.name}]", f"secret = {user.secret}", f"read = {user.read}", f"write = {user.write}"]
            lines += user.more
            if user.filtered:
                lines += self._filters()
        return "\n".join(lines) + "\n"

    def _certify(self, keys: Path) -> None:
        """A certificate for the manager's TLS port, and the throw-away CA that it is to be checked by."""
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1", "localhost")
        certificate.private_key_and_cert_chain_pem.write_to_path(keys / "manager.pem")
        authority.cert_pem.write_to_path(keys / CA_FILE)

    def _filters(self) -> list[str]:
        if self.release >= NAMED_FILTERS_SINCE:
            return [f"eventfilter(action(include),name({name})) =" for name in LISTENER_EVENTS]
        return [f"eventfilter = ^Event: ({'|'.join(LISTENER_EVENTS)})[[:cntrl:]]"]

    def _pjsip(self) -> str:
        lines = ["[transport]", "type = transport", "protocol = udp", f"bind = 127.0.0.1:{self.sip_port}"]
        for name, port in self.phones.items():
            lines += ["", f"[{name}]", "type = aor", "max_contacts = 1"]
            if port:
                lines.append(f"contact = sip:{name}@127.0.0.1:{port}")
            lines += [
                "",
                f"[{name}]",
                "type = endpoint",
                f"aors = {name}",
                "context = default",
                "transport = transport",
                "disallow = all",
                "allow = ulaw",
                "direct_media = no",
            ]
        return "\n".join(lines) + "\n"
