"""What it costs to connect to MariaDB and MySQL."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from acqs_core.errors import QueueUnavailable
from acqs_core.queue.connection import Connection
from acqs_core.queue.database import Database


def test_the_machines_root_certificates_are_read_once_for_all_connections_of_the_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Connection, "_unchecked", None)
    read: list[object] = []
    load = ssl.SSLContext.load_default_certs

    def counted(context: ssl.SSLContext, *given: ssl.Purpose) -> None:
        read.append(context)
        load(context, *given)

    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", counted)
    for _ in range(3):
        with pytest.raises(QueueUnavailable):
            Database("mysql://acqs:secret@127.0.0.1:1/queue").run(lambda connection: None)
    assert len(read) == 1


def test_a_connection_that_checks_certificates_does_so_by_its_own_settings(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca))
    checked = Connection(defer_connect=True, ssl_ca=str(ca), ssl_verify_cert=True, ssl_verify_identity=True)
    context = context_of(checked)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    plain = context_of(Connection(defer_connect=True))
    assert plain is not context
    assert plain.verify_mode == ssl.CERT_NONE


def context_of(connection: Connection) -> ssl.SSLContext:
    context = vars(connection)["ctx"]
    assert isinstance(context, ssl.SSLContext)
    return context
