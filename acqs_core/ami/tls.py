"""TLS as Asterisk's manager needs it: checked certificates, small records, and words for what goes wrong.

Asterisk reads a record into a buffer of 1024 bytes and then waits for the socket, not for the rest of the record: of
more than that it may act only when further bytes come (facts/ami.md §4). So what is written is cut at ends of lines.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Iterator

from acqs_core.ami.wire import EOL
from acqs_core.errors import SettingsError

MAX_RECORD = 1000
"""Bytes of whole lines written together; a longer line, which may have 1024 with its end, stands alone."""

NOT_SPOKEN = (
    "it does not speak TLS on that port; give the one of tlsbindaddr in manager.conf (tlsenable = yes) as [asterisk] "
    "port, or set [asterisk] tls = false"
)

_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE",
)
"""What OpenSSL says of an answer in clear, by its version."""

_UNKNOWN_ISSUER = (18, 19, 20, 21)
_WRONG_NAME = (62, 64)
_EXPIRED, _NOT_YET_VALID = 10, 9
"""OpenSSL's numbers for what a check of a certificate found (x509_vfy.h)."""


@functools.lru_cache(maxsize=8)
def context(ca: str, verify: bool) -> ssl.SSLContext:
    """The one context for these settings: making it reads every certificate that the system trusts.

    `ca` is a file of PEM certificates to trust instead; any of them may be Asterisk's own. Raises SettingsError.
    """
    try:
        made = ssl.create_default_context(cafile=ca or None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"[asterisk] tls_ca: {ca!r} cannot be read as PEM certificates ({error}); name a readable file with the "
            "certificate of Asterisk's CA, or Asterisk's own"
        ) from None
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # Python 3.13 asks of certificates what those of Asterisk's own ast_tls_cert do not have.
    made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def records(payload: bytes) -> Iterator[bytes]:
    """What is to be written, as runs of whole lines that each fit a record."""
    held = b""
    for line in payload.split(EOL)[:-1]:
        line += EOL
        if held and len(held) + len(line) > MAX_RECORD:
            yield held
            held = b""
        held += line
    yield held


def explain(error: Exception, server_name: str) -> str:
    """Why a handshake failed, and what to do about it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error, server_name)
    if isinstance(error, ssl.SSLError) and error.reason in _NOT_TLS:
        return NOT_SPOKEN
    return f"it broke off the TLS handshake ({error}); look at the tls settings of manager.conf and at Asterisk's log"


def _explain_certificate(error: ssl.SSLCertVerificationError, server_name: str) -> str:
    if error.verify_code in _UNKNOWN_ISSUER:
        return (
            f"its certificate is signed by nobody who is trusted here ({error.verify_message}); name a file with the "
            "certificate of its CA, or with its own, in [asterisk] tls_ca"
        )
    if error.verify_code in _WRONG_NAME:
        return (
            f"its certificate is not for {server_name!r} ({error.verify_message}); set [asterisk] tls_server_name to "
            "a name that stands in it, or host to the right machine"
        )
    if error.verify_code == _EXPIRED:
        return "its certificate has expired; renew manager.conf's tlscertfile, then `asterisk -rx 'manager reload'`"
    if error.verify_code == _NOT_YET_VALID:
        return "its certificate is not valid yet; look at the clocks of both machines"
    return f"its certificate is not to be trusted ({error.verify_message}); mend tlscertfile in manager.conf"
