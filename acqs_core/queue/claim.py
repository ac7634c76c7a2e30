"""NEW → QUEUE and back: how rows become a sender's, a few at a time, lowest man_id first (design §1).

A claim looks for candidates without a lock, then moves them by key under its guards, then knows which it got. Finding
them is the expensive half: a table of a million rows must cost no more than a table of a hundred. Where the index on
(server_ip, status) gives rows in key order (InnoDB, SQLite, or a claim index) it is read from its front. Where it does
not (VICIdial's MyISAM sorts every NEW row instead: 72 ms at 50,000 of them), a backlog is read by key from a low-water
mark, which is checked against the index from time to time.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Collection, Sequence

from sqlalchemy.engine import Connection

from acqs_core.action import Row, Status
from acqs_core.errors import QueueUnavailable
from acqs_core.queue.database import Database, statement
from acqs_core.queue.desk import Desk, pieces
from acqs_core.queue.layout import TABLE

RESCAN = 2.0
"""Least seconds between two searches for a NEW row below the low-water mark."""

RESCAN_SHARE = 0.02
"""The share of time that these searches may take: one that took 0.2 s is not repeated for 10 s."""

WINDOW = 20
"""How many rows for each row wanted are read by key before the index is asked where the backlog goes on."""


@dataclasses.dataclass(slots=True)
class Lane:
    """The NEW rows of one value of server_ip, where no index gives them in order.

    No NEW row is known below the man_id `low`; that is trusted until `next_search`. With a `backlog` there are more NEW
    rows than one claim takes, and they are read by key from `low` on.
    """

    server_ip: str
    low: int = 0
    backlog: bool = False
    next_search: float = 0.0

    def returned(self, man_ids: Collection[int]) -> None:
        """Rows came back to NEW: look there again."""
        self.low = min([self.low, *man_ids])


class Claims(Desk):
    """What moves rows between NEW and QUEUE. Every statement is guarded by the sender's token."""

    def __init__(self, db: Database, server_ip: str, *, serve_blank: bool = False) -> None:
        super().__init__(db, server_ip, serve_blank=serve_blank)
        self._clock = time.monotonic
        self._claiming = threading.Lock()
        self._lane_of = {value: Lane(value) for value in self._lanes}
        guarded = f"AND {self._own_token} AND {self._not_paused}"
        hint = db.words.force("PRIMARY")
        # A statement for each lane: one equality on server_ip, and a blank row becomes ours in the same instant.
        self._take = statement(
            f"UPDATE {TABLE}{hint} SET status = 'QUEUE' WHERE man_id IN :ids AND status = 'NEW' "
            f"AND server_ip = :server_ip {guarded}",
            "ids",
        )
        self._adopt = statement(
            f"UPDATE {TABLE}{hint} SET status = 'QUEUE', server_ip = :server_ip "
            f"WHERE man_id IN :ids AND status = 'NEW' AND server_ip = '' {guarded}",
            "ids",
        )
        self._taken = statement(
            f"SELECT man_id FROM {TABLE} WHERE man_id IN :ids AND status = 'QUEUE' AND server_ip = :server_ip", "ids"
        )
        self._give_back = statement(
            f"UPDATE {TABLE}{hint} SET status = 'NEW' WHERE man_id IN :ids AND status = 'QUEUE' "
            f"AND server_ip = :server_ip AND {self._own_token}",
            "ids",
        )
        self._given_back = statement(
            f"SELECT man_id FROM {TABLE} WHERE man_id IN :ids AND status = 'NEW' AND server_ip = :server_ip", "ids"
        )

    def claim(self, token: int, limit: int) -> list[Row]:
        """Move up to `limit` NEW rows to QUEUE, lowest man_id first, and return exactly those.

        Blank rows are claimed too when they are served, and get our server_ip. Nothing is claimed with an old token
        or while paused. Raises QueueUnavailable when it is not known which rows were claimed: `release_queue` with
        the rows in hand puts that right.
        """
        if limit < 1:
            return []
        with self._claiming:
            claimed: list[Row] = []
            for lane, found in self._candidates(limit).items():
                claimed += self._claim_lane(lane, found, token)
        return sorted(claimed, key=lambda row: row.man_id)

    def await_new(self, every: float, most: float, leave: threading.Event) -> bool:
        """Look every `every` seconds whether a row is NEW, for `most` seconds or until told to leave; whether one is.

        One thread on one connection looks, on the driver's own cursor, and wakes nobody for nothing: an idle look
        through pool and event loop cost 1.5 ms of processor time, this one 0.4 ms, and there are 20 a second. When a
        look fails the answer is True: the claim that follows says why.
        """
        source, mark = self._by_status(), self._db.words.mark
        lane = f"EXISTS (SELECT 1 FROM {source} WHERE m.server_ip = {mark} AND m.status = 'NEW')"
        sql, values = f"SELECT {' OR '.join([lane] * len(self._lane_of))}", tuple(self._lane_of)

        def look_out(connection: Connection) -> bool:
            until = self._clock() + most
            cursor = connection.connection.cursor()
            try:
                while not leave.wait(every) and self._clock() < until:
                    cursor.execute(sql, values)
                    if any(record[0] for record in cursor.fetchall()):
                        return True
            except connection.dialect.loaded_dbapi.Error:
                connection.invalidate()
                return True
            cursor.close()
            return False

        return self._db.run(look_out)

    def release_queue(self, token: int, keep: Collection[int] = ()) -> list[int]:
        """Put every QUEUE row of this server except those in `keep` back to NEW: at the start, after a take-over,
        after a claim whose reply was lost, and when draining. Returns their man_ids."""
        queued = statement(
            f"SELECT m.man_id FROM {self._by_status()} WHERE m.server_ip = :server_ip AND m.status = 'QUEUE'"
        )
        released: list[int] = []
        with self._claiming:
            for piece in pieces([man_id for man_id in self._ids(queued, {}) if man_id not in keep]):
                count = self._change(self._give_back, {"ids": piece, "token": token})
                if count:
                    released += piece if count == len(piece) else self._ids(self._given_back, {"ids": piece})
            self._returned(released)
        return released

    def requeue(self, man_ids: Collection[int], token: int) -> None:
        """Put these QUEUE rows back to NEW; rows that are no longer QUEUE stay as they are."""
        for piece in pieces(list(man_ids)):
            self._change(self._give_back, {"ids": piece, "token": token})
        self._returned(man_ids)

    def _returned(self, man_ids: Collection[int]) -> None:
        self._lane_of[self._server_ip].returned(man_ids)

    def _claim_lane(self, lane: str, found: Sequence[Row], token: int) -> list[Row]:
        ids = [row.man_id for row in found]
        clause = self._take if lane == self._server_ip else self._adopt
        count = self._change(clause, {"ids": ids, "token": token})
        if count == 0:
            self._lane_of[lane].returned(ids)
            return []
        if count < len(ids):
            # Some were discarded meanwhile. Only the token's holder moves rows to QUEUE, so those in QUEUE are ours,
            # unless there are more of them than we moved: then the token has passed on.
            taken = set(self._ids(self._taken, {"ids": ids}))
            self._lane_of[lane].returned(ids)
            if len(taken) > count:
                raise QueueUnavailable(f"{len(taken) - count} of {len(ids)} rows were claimed by another sender")
            found = [row for row in found if row.man_id in taken]
        return [dataclasses.replace(row, status=Status.QUEUE, server_ip=self._server_ip) for row in found]

    def _candidates(self, limit: int) -> dict[str, list[Row]]:
        """The lowest NEW rows of all lanes together, by lane."""
        found: list[tuple[Row, str]] = []
        bound: int | None = None
        for name, lane in self._lane_of.items():
            new = self._lowest_new(lane, limit, bound)
            found += [(row, name) for row in new]
            if len(new) == limit:
                bound = new[-1].man_id  # nothing above it can be among the lowest: do not read it
        found.sort(key=lambda pair: pair[0].man_id)
        by_lane: dict[str, list[Row]] = {}
        for row, name in found[:limit]:
            by_lane.setdefault(name, []).append(row)
        for row, name in found[limit:]:
            self._lane_of[name].returned([row.man_id])
        return by_lane

    def _lowest_new(self, lane: Lane, limit: int, bound: int | None) -> list[Row]:
        if self._db.layout.in_order:
            return self._new_rows(lane, self._by_status(), "ORDER BY m.man_id", limit, end=bound)
        if self._clock() < lane.next_search:
            if bound is not None and lane.low >= bound:
                return []
            if lane.backlog:
                new = self._window(lane, limit, bound)
                if new or lane.low == bound:
                    return new
        return self._searched(lane, limit)

    def _window(self, lane: Lane, limit: int, bound: int | None) -> list[Row]:
        """NEW rows read by key from the low-water mark on, which moves past them."""
        end = lane.low + limit * WINDOW if bound is None else min(lane.low + limit * WINDOW, bound)
        new = self._new_rows(lane, self._by_key(), "ORDER BY m.man_id", limit, low=lane.low, end=end)
        # Never past what was seen: the window may reach beyond the table's end, and rows will be inserted there.
        if new:
            lane.low = new[-1].man_id + 1
        elif end == bound:
            lane.low = end
        return new

    def _searched(self, lane: Lane, limit: int) -> list[Row]:
        """NEW rows by an index without order: all of them when they are few, else the low-water mark is set anew."""
        started = self._clock()
        new = sorted(self._new_rows(lane, self._by_status(), "", limit + 1), key=lambda row: row.man_id)
        lane.backlog = len(new) > limit
        if not lane.backlog:
            lane.low = new[0].man_id if new else 0
            lane.next_search = started + RESCAN
            return new
        lowest = statement(
            f"SELECT MIN(m.man_id) FROM {self._by_status()} WHERE m.server_ip = :lane AND m.status = 'NEW'"
        )
        lane.low = int(self._records(lowest, {"lane": lane.server_ip})[0][0] or 0)
        now = self._clock()
        lane.next_search = now + max(RESCAN, (now - started) / RESCAN_SHARE)
        return self._window(lane, limit, None)

    def _new_rows(
        self, lane: Lane, source: str, order: str, limit: int, *, low: int = 0, end: int | None = None
    ) -> list[Row]:
        lower = "AND m.man_id >= :low" if low else ""
        upper = "AND m.man_id < :end" if end is not None else ""
        clause = statement(
            f"SELECT {self._columns} FROM {source} WHERE m.server_ip = :lane AND m.status = 'NEW' {lower} {upper} "
            f"{order} LIMIT :limit"
        )
        values = {"lane": lane.server_ip, "limit": limit}
        values |= {"low": low} if low else {}
        return self._rows(clause, values | ({"end": end} if end is not None else {}))
