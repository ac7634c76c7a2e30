"""A small HTTP server in a thread, for the few who may ask a daemon how it is.

wsgiref does the HTTP. What it lacks for a place inside a daemon stands here: a bound on what clients may hold, so that
sockets and threads remain for Asterisk, and an address in use that is told as an error of the settings.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from acqs_core.errors import SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

log = logging.getLogger(__name__)

MAX_REQUESTS = 8
"""Requests that are answered at a time; a connection beyond that is closed."""

SLOWEST_CLIENT = 5.0
"""Seconds that a client may keep us waiting, for a byte or for all of its request together."""


class Server(socketserver.ThreadingMixIn, WSGIServer):
    """Serves a WSGI application on one address. Raises OSError when the address cannot be had."""

    daemon_threads = True
    allow_reuse_port = False  # else a second one on the same port would not be noticed

    def __init__(self, host: str, port: int, application: WSGIApplication) -> None:
        self._room = threading.BoundedSemaphore(MAX_REQUESTS)
        self._since: dict[socket.socket, float] = {}
        """Connections that are served, and since when."""
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self.address_family = family
        super().__init__((str(address[0]), port), _Handler)
        self.set_app(application)

    @property
    def place(self) -> tuple[str, int]:
        """The address and port in use."""
        host, port = self.socket.getsockname()[:2]
        return host, port

    def server_bind(self) -> None:
        """Without asking the DNS for our own name as HTTPServer does, which may take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.place
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread when there is room for one."""
        if self._room.acquire(blocking=False):
            self._since[request] = time.monotonic()
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The thread of one request."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._since.pop(request, None)
            self._room.release()

    def service_actions(self) -> None:
        """Twice a second: cut off those who trickle, whom no wait for a single byte finds."""
        for request, since in list(self._since.items()):
            if time.monotonic() - since > SLOWEST_CLIENT:
                with contextlib.suppress(OSError):  # it has ended just now
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that left or was too slow is no news."""
        log.debug("http: a request failed", exc_info=True)


class _Handler(WSGIRequestHandler):
    timeout = SLOWEST_CLIENT

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a scrape every few seconds is no news either."""


@contextlib.contextmanager
def serving(section: str, host: str, port: int, application: WSGIApplication) -> Iterator[Server]:
    """Serve from a thread while the body runs; `section` is the settings' that names host and port.

    Raises SettingsError when the address cannot be had. Leaving takes up to half a second.
    """
    try:
        server = Server(host, port, application)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise SettingsError(
            f"[{section}] {place(host, port)} cannot be served: {why}; set another port or host, or port = 0 for none"
        ) from None
    threading.Thread(target=server.serve_forever, name=f"acqs-{section}", daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def place(host: str, port: int) -> str:
    """`host:port` as URLs have it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
