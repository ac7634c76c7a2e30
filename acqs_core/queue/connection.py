"""PyMySQL's connection, made at a fraction of the price.

With no TLS settings PyMySQL speaks TLS where the server offers it and checks no certificate, and reads all root
certificates of the machine for that nevertheless: 20 ms of a processor for each connection, and a pool that is recycled
makes all of its connections anew just when a burst begins.
"""

from __future__ import annotations

import ssl
from typing import Any, ClassVar

from pymysql.connections import Connection as PyMySQLConnection


class Connection(PyMySQLConnection):
    """One context for all connections that check no certificate; any other is made as PyMySQL makes it."""

    _unchecked: ClassVar[ssl.SSLContext | None] = None

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        if sslp:
            return self._made(sslp)
        if Connection._unchecked is None:
            Connection._unchecked = self._made(sslp)
        return Connection._unchecked

    def _made(self, sslp: Any) -> ssl.SSLContext:
        made: ssl.SSLContext = super()._create_ssl_ctx(sslp)  # type: ignore[misc]
        return made
