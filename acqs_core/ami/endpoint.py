"""Where an Asterisk is and who we are there, checked once so that a secret never has to appear in an error later."""

from __future__ import annotations

import dataclasses
import ssl
from typing import TYPE_CHECKING, Literal, Self

from acqs_core.action import MAX_LINE_BYTES
from acqs_core.ami import tls
from acqs_core.errors import SettingsError

if TYPE_CHECKING:
    from acqs_core.settings import AsteriskSettings


@dataclasses.dataclass(frozen=True, slots=True)
class Endpoint:
    """One manager user on one Asterisk: plain values, to be handed to another process. Time limits are in seconds; the
    secret is in no repr.

    Raises SettingsError when username or secret could not be written on one AMI line.
    """

    host: str
    port: int
    username: str
    secret: str = dataclasses.field(repr=False)
    connect_timeout: float = 2.0
    banner_timeout: float = 2.0
    """A full house (authlimit) or a stuck listener on the other side shows as a connection without a banner."""
    login_timeout: float = 5.0
    """Asterisk answers a wrong password after one second (facts/ami.md)."""
    write_timeout: float = 2.0
    """How long written bytes may wait for the other side to take them."""
    auth: Literal["plain", "md5"] = "plain"
    tls: bool = False
    tls_ca: str = ""
    tls_verify: bool = True
    tls_server_name: str = ""
    """As in AsteriskSettings; empty is the system's CAs, and the host."""

    @classmethod
    def of(cls, settings: AsteriskSettings, role: Literal["listen", "send"]) -> Self:
        """Where and as whom a role logs in, by the settings. Raises SettingsError, for a tls_ca too."""
        username, secret = settings.user(role)
        endpoint = cls(
            settings.host,
            settings.port,
            username,
            secret,
            auth=settings.auth,
            tls=settings.tls,
            tls_ca=str(settings.tls_ca or ""),
            tls_verify=settings.tls_verify,
            tls_server_name=settings.tls_server_name,
        )
        if endpoint.tls:
            endpoint.tls_context()  # what cannot be read is told now, not at every login
        return endpoint

    def __post_init__(self) -> None:
        for key, value in (("username", self.username), ("secret", self.secret)):
            if any(character in value for character in "\r\n\0"):
                raise SettingsError(f"the AMI {key} holds CR, LF or NUL, which would start a second action; mend it")
            if len(value.encode(errors="replace")) > MAX_LINE_BYTES - len("Username: "):
                raise SettingsError(f"the AMI {key} is longer than a line of Asterisk's may be; shorten it")
            if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
                raise SettingsError(f"the AMI {key} holds a lone surrogate, which UTF-8 cannot carry; mend it")

    def tls_context(self) -> ssl.SSLContext:
        """What checks the other side; made once for all endpoints with the same settings. Raises SettingsError."""
        return tls.context(self.tls_ca, self.tls_verify)

    @property
    def trust(self) -> tuple[str, ...]:
        """By what tls_context checks, as words for a command line; none without TLS."""
        return (self.tls_ca, str(self.tls_verify)) if self.tls else ()

    @property
    def patience(self) -> float:
        """Seconds that opening a session may take, its limits together."""
        greetings, answers = 1 + self.tls, 1 + (self.auth == "md5")
        return self.connect_timeout + greetings * self.banner_timeout + answers * self.login_timeout

    @property
    def server_name(self) -> str:
        """The name that the certificate must have."""
        return self.tls_server_name or self.host

    @property
    def place(self) -> str:
        """`host:port`, for messages."""
        return f"{self.host}:{self.port}"
