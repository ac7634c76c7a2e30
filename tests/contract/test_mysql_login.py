"""How MySQL 9 lets us in: caching_sha2_password from an empty cache, with and without TLS, and whom we trust there.

A server that has just started has no password in its cache, so the first login is the full exchange; over an open wire
the password is encrypted for the server's own RSA key.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import trustme

from acqs_core.errors import QueueError, QueueUnavailable, SettingsError
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.settings import QueueSettings
from tests.contract.backend import SERVER_IP
from tests.lab.mysql import MySQL

_CIPHER = sa.text("SHOW SESSION STATUS LIKE 'Ssl_cipher'")


@pytest.fixture(scope="module")
def without_tls(mysql_server: MySQL) -> Iterator[MySQL]:
    """A MySQL that speaks no TLS; `mysql_server` only says that there is one to be had."""
    with MySQL(options=("--tls-version=",)) as server:
        yield server


@pytest.fixture(scope="module")
def tls_only(mysql_server: MySQL) -> Iterator[MySQL]:
    """A MySQL that lets nobody in without TLS, with the certificates that it made for itself."""
    with MySQL(options=("--require-secure-transport=ON",)) as server:
        yield server


def settings(server: MySQL, ca: Path | None = None, *, verify_name: bool = True) -> QueueSettings:
    url = server.url(server.fresh_database())
    return QueueSettings.model_validate({"url": url, "tls_ca": ca, "tls_verify_name": verify_name})


def cipher(of: QueueSettings) -> str:
    """What the connection is encrypted with; empty when it is not."""
    db = Database.of(of, pool_size=1)
    try:
        return str(db.records(_CIPHER, {})[0][1])
    finally:
        db.dispose()


def test_the_first_login_after_a_start_works_without_tls(without_tls: MySQL) -> None:
    of = settings(without_tls)
    assert cipher(of) == ""
    without_tls.restart()
    assert cipher(of) == "", "the cache was empty again"


def test_a_server_that_wants_tls_gets_it_from_its_first_login_on(tls_only: MySQL) -> None:
    of = settings(tls_only)
    tls_only.restart()
    assert cipher(of).startswith("TLS_")


def test_with_tls_ca_only_a_server_that_it_vouches_for_is_spoken_to(tls_only: MySQL, tmp_path: Path) -> None:
    assert cipher(settings(tls_only, tls_only.ca, verify_name=False)).startswith("TLS_")
    foreign = tmp_path / "foreign.pem"
    trustme.CA().cert_pem.write_to_path(str(foreign))
    with pytest.raises(QueueUnavailable, match=r"certificate is not trusted.*\[queue\] tls_ca"):
        cipher(settings(tls_only, foreign, verify_name=False))


def test_a_certificate_for_another_name_is_refused_and_the_way_out_is_named(tls_only: MySQL) -> None:
    with pytest.raises(QueueUnavailable, match="tls_verify_name"):
        cipher(settings(tls_only, tls_only.ca))


def test_with_tls_ca_an_open_wire_is_refused(without_tls: MySQL, tls_only: MySQL) -> None:
    with pytest.raises(QueueUnavailable, match="SSL"):
        cipher(settings(without_tls, tls_only.ca))


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_tls_ca_that_cannot_be_read_is_told_before_anything_is_opened(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    of = QueueSettings.model_validate({"url": "mysql://u:hunter2@127.0.0.1:1/d", "tls_ca": path})
    with pytest.raises(SettingsError, match=r"queue\.tls_ca: .*ca\.pem cannot be read as PEM"):
        Database.of(of)


def test_a_wrong_password_is_refused_and_shown_nowhere(mysql_server: MySQL) -> None:
    name = mysql_server.fresh_database()
    wrong = Database(mysql_server.url(name).replace(mysql_server.password(), "hunter2"))
    with pytest.raises(QueueError, match="Access denied for user 'acqs'") as refused:
        wrong.run(lambda connection: None)
    assert "hunter2" not in str(refused.value)
    (finding,) = schema.check(wrong, SERVER_IP)
    assert (finding.level, finding.subject) == ("error", "connection")
    wrong.dispose()
