"""Who may act for a server_ip: one sender and one listener, each known by a token that rises at every take-over.

Expiry only permits take-over. What protects an action from being sent twice is the token, which every claim and SENT
statement checks, so a holder that slept through its lease can do no harm when it wakes (design §3).
"""

from __future__ import annotations

from sqlalchemy import exc
from sqlalchemy.engine import Connection

from acqs_core.queue.database import Database, statement
from acqs_core.queue.rows import micros, utc
from acqs_core.queue.types import Grant, LeaseView, Role

TOO_FAR = 60.0
"""Seconds for which a lease may run out later than one that is taken now. One that runs out later still was written
before the database's clock was set back: its holder, had it lived, would have renewed it by the new time within a
second. So much, since programs of another release may hold on for longer than we do."""

LATE = 10.0
"""Seconds after its lease ran out for which a holder still counts as alive to those who look. It is renewed every
second; but after a pause of the database, or of its box, its holder comes a little later and goes on where nobody else
has taken over. Who is told meanwhile that nobody sends starts a second engine for nothing."""


class Leases:
    """The `acqs_lease` table. Give it a Database of its own, so that renewing never waits for other statements.

    A holder names one running program and no other (host, process and a few random digits).
    Every method raises QueueUnavailable, SchemaMissing or QueueError.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        now, expiry, too_far = db.words.utc_now, db.words.utc_in(":micros"), db.words.utc_in(":too_far")
        # LAST_INSERT_ID hands the raised token back with the UPDATE itself; reading it afterwards could see another's.
        mysql = db.dialect == "mysql"
        self._raise = statement(
            f"UPDATE acqs_lease SET token = {'LAST_INSERT_ID(token + 1)' if mysql else 'token + 1'}, "
            f"holder = :holder, expires_at = {expiry}, state = '' WHERE server_ip = :server_ip AND role = :role "
            f"AND (holder = :holder OR holder = '' OR expires_at <= {now} OR expires_at > {too_far})"
            + ("" if mysql else " RETURNING token")
        )
        self._first = statement(
            "INSERT INTO acqs_lease (server_ip, role, holder, token, expires_at, state) "
            f"VALUES (:server_ip, :role, :holder, 1, {expiry}, '')"
        )
        ours = "WHERE server_ip = :server_ip AND role = :role AND holder = :holder AND token = :token"
        self._renew = statement(f"UPDATE acqs_lease SET expires_at = {expiry}, state = :state {ours}")
        self._release = statement(f"UPDATE acqs_lease SET holder = '', expires_at = {now}, state = '' {ours}")
        self._view = statement(
            "SELECT server_ip, role, holder, token, expires_at, state, "
            f"CASE WHEN holder <> '' AND expires_at > {db.words.utc_in(':late')} THEN 1 ELSE 0 END FROM acqs_lease "
            "WHERE (:server_ip IS NULL OR server_ip = :server_ip) ORDER BY server_ip, role"
        )

    def acquire(self, server_ip: str, role: Role, holder: str, ttl: float) -> Grant | None:
        """Take the lease for `ttl` seconds when it is free, expired or already ours; None while another holds it.

        Taken is also one that runs out more than TOO_FAR later than it would now. Every grant has a token that no
        grant before it had.
        """
        values = {"server_ip": server_ip, "role": role, "holder": holder, "micros": micros(ttl)}
        too_far = {"too_far": micros(ttl + TOO_FAR)}

        def take(connection: Connection) -> int | None:
            raised = connection.execute(self._raise, values | too_far)
            if self._db.dialect == "sqlite":
                if (token := raised.scalar()) is not None:
                    return int(token)
            elif raised.rowcount:
                return int(raised.lastrowid)
            try:
                connection.execute(self._first, values)
            except exc.IntegrityError:
                return None  # the row is there and somebody else's
            return 1

        token = self._db.run(take)
        return None if token is None else Grant(server_ip, role, holder, token)

    def renew(self, grant: Grant, ttl: float, state: str = "") -> bool:
        """Hold on for `ttl` seconds from now and show `state` to operators; False: the lease is lost, stop acting."""
        values = _of(grant) | {"micros": micros(ttl), "state": state[:250]}
        return bool(self._db.run(lambda connection: connection.execute(self._renew, values).rowcount))

    def release(self, grant: Grant) -> None:
        """Let others in at once; nothing happens when the lease is lost already. The token is never given again."""
        self._db.run(lambda connection: connection.execute(self._release, _of(grant)).rowcount)

    def view(self, server_ip: str | None = None) -> list[LeaseView]:
        """Every lease, or those of one server."""
        records = self._db.records(self._view, {"server_ip": server_ip, "late": micros(-LATE)})
        return [LeaseView(r[0], r[1], r[2], int(r[3]), utc(r[4]), r[5] or "", bool(r[6])) for r in records]


def _of(grant: Grant) -> dict[str, object]:
    return {"server_ip": grant.server_ip, "role": grant.role, "holder": grant.holder, "token": grant.token}
