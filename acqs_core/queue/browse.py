"""Looking at the queue without weighing on it: every read here is by key or by an index, and bounded.

The table may hold a million rows and is the one that senders claim from, so counts are capped, pages are keyset pages,
and searches that filter look at the newest rows only (design §3: 0.4 ms instead of 108 ms).
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from acqs_core.action import Outcome, Row, Status
from acqs_core.errors import NotFound
from acqs_core.queue import rows
from acqs_core.queue.database import statement
from acqs_core.queue.desk import IN_LIST, Desk, askable, pieces
from acqs_core.queue.layout import TABLE
from acqs_core.queue.types import Backlog, Depth, JournalEntry, OutcomeRecord, Page, Timeline

SCAN = 100_000
"""How many of the newest SENT rows a filtering search looks at."""

FEW = 2_000
"""Up to so many rows of a status are sorted; of more, the newest are read by key (only where no index is in order)."""

UNANSWERED = 10_000
"""How many unanswered rows are looked at for caller-id order after a restart."""

_UNANSWERED = "(m.response IS NULL OR m.response <> 'Y')"


class Browsing(Desk):
    """Reads for the listener, for operators and for programs."""

    def candidates(self, callerids: Collection[str]) -> list[Row]:
        """Rows of this server in QUEUE, SENT or UPDATED that may have one of these caller ids, in man_id order.

        Only ASCII names of at most 20 characters can be asked for. The database compares loosely (case, blanks): the
        caller compares exactly.
        """
        clause = statement(
            f"SELECT {self._columns} FROM {self._by_callerid()} WHERE m.callerid IN :callerids "
            "AND m.server_ip = :server_ip AND m.status IN ('QUEUE', 'SENT', 'UPDATED')",
            "callerids",
        )
        found: list[Row] = []
        for batch in rows.batches(askable(callerids), IN_LIST):
            found += self._rows(clause, {"callerids": list(batch)})
        return self._whole(sorted(found, key=lambda row: row.man_id))

    def alive(self, limit: int = 10_000) -> list[Row]:
        """Rows of this server whose call should be alive, or whose answer is awaited, newest first: UPDATED, SENT
        Originates, and whatever is SENT without an answer."""
        updated = self._newest(self._server_ip, Status.UPDATED, limit)
        sent = self._newest_sent(f"(LOWER(m.action) = 'originate' OR {_UNANSWERED})", limit)
        return self._whole(sorted(updated + sent, key=lambda row: -row.man_id)[:limit])

    def unanswered_callerids(self) -> list[Row]:
        """SENT rows that nobody answered and that have a caller id, in man_id order: whom later rows wait for after
        a restart. The newest 10,000 at most."""
        found = self._newest_sent(f"{_UNANSWERED} AND m.callerid <> ''", UNANSWERED)
        return sorted((row for row in found if row.callerid.strip()), key=lambda row: row.man_id)

    def serves(self, row: Row) -> bool:
        """Whether the row is one of those of this server."""
        return row.server_ip in self._lanes

    def ahead(self, row: Row) -> int | None:
        """The nearest row before this one that has the same caller id and whose answer is awaited; None when there is
        none. It looks at the 10,000 man_ids before it."""
        if not askable([row.callerid]):
            return None
        clause = statement(
            f"SELECT {self._columns} FROM {self._by_callerid()} WHERE m.callerid = :callerid AND m.man_id < :man_id "
            f"AND m.man_id > :floor AND m.status IN ('QUEUE', 'SENT') AND {_UNANSWERED} "
            "AND m.server_ip = :server_ip ORDER BY m.man_id DESC LIMIT 100"
        )
        given = {"callerid": row.callerid, "man_id": row.man_id, "floor": row.man_id - UNANSWERED}
        found = [one.man_id for one in self._rows(clause, given) if one.callerid == row.callerid]
        known = self.outcomes(found)
        awaited = (man_id for man_id in found if man_id not in known or known[man_id].outcome is None)
        return next(awaited, None)

    def by_ids(self, man_ids: Collection[int]) -> list[Row]:
        """The rows with these man_ids that exist, in man_id order."""
        clause = statement(f"SELECT {self._columns} FROM {TABLE} m WHERE m.man_id IN :ids ORDER BY m.man_id", "ids")
        return self._whole([row for piece in pieces(list(man_ids)) for row in self._rows(clause, {"ids": piece})])

    def _whole(self, found: list[Row]) -> list[Row]:
        """These rows with the uniqueid and channel that a narrow column cut, as the outcome holds them whole.

        VICIdial's uniqueid takes 20 characters: a cut one names no channel, and its call would seem to be gone.
        """
        columns = self._db.layout.columns
        full = {name: columns[name].width or 0 for name in ("uniqueid", "channel")}
        cut = [row.man_id for row in found if any(0 < full[name] <= len(getattr(row, name)) for name in full)]
        known = self.outcomes(cut) if cut else {}
        return [_with_whole(row, known[row.man_id]) if row.man_id in known else row for row in found]

    def outcomes(self, man_ids: Collection[int]) -> dict[int, OutcomeRecord]:
        """What is known of these actions, by man_id; nothing for one of which nothing is known."""
        clause = statement(f"SELECT {rows.OUTCOME} FROM acqs_outcome WHERE man_id IN :ids", "ids")
        records = [record for piece in pieces(list(man_ids)) for record in self._records(clause, {"ids": piece})]
        return {int(record[0]): rows.outcome(record) for record in records}

    def counts(self, cap: int = 1000, server_ip: str | None = None) -> dict[Status, int]:
        """How many rows a server (this one by default, with the blank rows it serves) has in each status.
        cap + 1 means "more than cap"."""
        lanes = self._lanes if server_ip is None else (server_ip,)
        clause = statement(" UNION ALL ".join(
            f"SELECT '{status}', COUNT(*) FROM (SELECT 1 FROM {self._by_status()} WHERE m.server_ip = :lane{number} "
            f"AND m.status = '{status}' LIMIT :most) AS few{number}{status}"
            for status in Status for number in range(len(lanes))
        ))  # fmt: skip
        values = {"most": cap + 1} | {f"lane{number}": lane for number, lane in enumerate(lanes)}
        counted = dict.fromkeys(Status, 0)
        for name, count in self._records(clause, values):
            counted[Status(name)] = min(counted[Status(name)] + int(count), cap + 1)
        return counted

    def backlog(self, cap: int = 1000) -> Backlog:
        """The NEW rows that a resume would send: how many, and how old they are by their entry_date."""
        clause = statement(
            f"SELECT m.man_id, m.entry_date, {self._db.words.local_age('m.entry_date')} FROM {self._by_status()} "
            "WHERE m.server_ip = :lane AND m.status = 'NEW' LIMIT :most"
        )
        found = [record for lane in self._lanes for record in self._records(clause, {"lane": lane, "most": cap + 1})]
        found.sort(key=lambda record: int(record[0]))
        aged = [(float(age), rows.local(entry)) for _, entry, age in found if age is not None]
        oldest_age, oldest = max(aged, key=lambda pair: pair[0], default=(None, None))
        ages = tuple(age for age, _ in aged)
        return Backlog(min(len(found), cap), len(found) > cap, oldest, oldest_age, ages)

    def depth(self, cap: int) -> Depth:
        """How many rows stand in each status, counted to `cap`, and how old the oldest NEW row is: of the first 100 in
        the index, which is the order in which they are claimed."""
        return Depth(self.counts(cap), max(self.backlog(100).oldest_age or 0.0, 0.0))

    def page(
        self,
        *,
        before: int | None = None,
        limit: int = 50,
        status: Status | None = None,
        unknown: bool = False,
        older_than: float = 10.0,
    ) -> Page:
        """Rows of this server (and the blank rows it serves), newest first, below man_id `before`.

        `unknown`: only SENT rows with an unknown outcome: flagged so, or without an answer for `older_than` seconds.
        """
        if unknown:
            found = sorted(self.by_ids(self._unknown_ids(older_than, limit + 1, before)), key=lambda row: -row.man_id)
        else:
            found = self._page(before, limit + 1, [status] if status else list(Status))
        return Page(found[:limit], found[limit - 1].man_id if len(found) > limit else None)

    def newer(self, than: int, limit: int = 1000) -> list[Row]:
        """Rows of this server (and the blank rows it serves) above man_id `than`, in man_id order."""
        clause = statement(
            f"SELECT {self._columns} FROM {self._by_key()} WHERE m.man_id > :than AND m.server_ip IN :lanes "
            "ORDER BY m.man_id LIMIT :limit",
            "lanes",
        )
        return self._rows(clause, {"lanes": list(self._lanes), "than": than, "limit": limit})

    def unknown(self, older_than: float, limit: int = 100) -> list[tuple[Row, OutcomeRecord | None]]:
        """SENT rows of which nobody knows what became of them, newest first, with what is recorded of each: without an
        answer for `older_than` seconds (since sent_at, else entry_date), or flagged unknown."""
        found = self.by_ids(self._unknown_ids(older_than, limit, None))
        known = self.outcomes([row.man_id for row in found])
        return [(row, known.get(row.man_id)) for row in reversed(found)]

    def unknown_ids(self, older_than: float, cap: int = 1000) -> list[int]:
        """The man_ids of what `unknown` would give, newest first; cap + 1 of them mean "more than cap"."""
        return self._unknown_ids(older_than, cap + 1, None)

    def timeline(self, man_id: int) -> Timeline:
        """Everything about one action. Raises NotFound."""
        found = self.timelines([man_id])
        if not found:
            raise NotFound(f"there is no action {man_id}; it may have been purged")
        return found[0]

    def timelines(self, man_ids: Sequence[int]) -> list[Timeline]:
        """Everything about these actions, newest first; those that do not exist are left out.

        The rows are read first: what is known of a step is written before it, so whoever sees a row DEAD sees why.
        """
        found = sorted(self.by_ids(man_ids), key=lambda row: -row.man_id)
        about_journal = statement(
            f"SELECT {rows.JOURNAL} FROM acqs_journal WHERE man_id IN :ids ORDER BY man_id, at, id", "ids"
        )
        outcomes = self.outcomes(man_ids)
        journal: dict[int, list[JournalEntry]] = {}
        for piece in pieces(man_ids):
            for record in self._records(about_journal, {"ids": piece}):
                journal.setdefault(int(record[0]), []).append(rows.journal_entry(record))
        return [Timeline(row, outcomes.get(row.man_id), journal.get(row.man_id, [])) for row in found]

    def _page(self, before: int | None, limit: int, statuses: Sequence[Status]) -> list[Row]:
        if len(statuses) > 1 and not self._db.layout.in_order:
            upper = "AND m.man_id < :before" if before is not None else ""
            clause = statement(
                f"SELECT {self._columns} FROM {self._by_key()} WHERE m.server_ip IN :lanes {upper} "
                "ORDER BY m.man_id DESC LIMIT :limit",
                "lanes",
            )
            bounds = {"before": before} if before is not None else {}
            return self._rows(clause, {"lanes": list(self._lanes), "limit": limit} | bounds)
        found = [row for lane in self._lanes for one in statuses for row in self._newest(lane, one, limit, before)]
        return sorted(found, key=lambda row: -row.man_id)[:limit]

    def _newest(
        self, lane: str, status: Status, limit: int, before: int | None = None, only: str = "", floor: int = 0
    ) -> list[Row]:
        source = self._source(lane, status)
        upper = "AND m.man_id < :before" if before is not None else ""
        clause = statement(
            f"SELECT {self._columns} FROM {source} WHERE m.server_ip = :lane AND m.status = :status "
            f"AND m.man_id >= :floor {upper} {only} ORDER BY m.man_id DESC LIMIT :limit"
        )
        values = {"lane": lane, "status": status.value, "limit": limit, "floor": floor}
        return self._rows(clause, values | ({"before": before} if before is not None else {}))

    def _newest_sent(self, only: str, limit: int) -> list[Row]:
        return self._newest(self._server_ip, Status.SENT, limit, None, f"AND {only}", self._floor(Status.SENT))

    def _unknown_ids(self, older_than: float, limit: int, before: int | None) -> list[int]:
        words = self._db.words
        upper = "AND m.man_id < :before" if before is not None else ""
        ours = f"m.server_ip = :server_ip AND m.status = 'SENT' {upper}"
        waiting = statement(
            f"SELECT m.man_id FROM {self._source(self._server_ip, Status.SENT)} "
            f"LEFT JOIN acqs_outcome o ON o.man_id = m.man_id "
            f"WHERE {ours} AND m.man_id >= :floor AND {_UNANSWERED} AND (o.sent_at < {words.utc_in(':ago')} "
            f"OR o.sent_at IS NULL AND (m.entry_date IS NULL OR m.entry_date < {words.local_in(':ago')})) "
            "ORDER BY m.man_id DESC LIMIT :limit"
        )
        flagged = statement(
            f"SELECT m.man_id FROM acqs_outcome o JOIN {TABLE} m ON m.man_id = o.man_id "
            f"WHERE o.outcome = '{Outcome.UNKNOWN}' AND {ours} AND {_UNANSWERED} ORDER BY o.man_id DESC LIMIT :limit"
        )
        values: dict[str, Any] = {"limit": limit} | ({"before": before} if before is not None else {})
        found = set(self._ids(flagged, values))
        values |= {"ago": -rows.micros(older_than), "floor": self._floor(Status.SENT)}
        return sorted(found.union(self._ids(waiting, values)), reverse=True)[:limit]

    def _source(self, lane: str, status: Status) -> str:
        """By status where that gives rows in order or gives few; else by key."""
        if self._db.layout.in_order or self._few(lane, status):
            return self._by_status()
        return self._by_key()

    def _few(self, lane: str, status: Status) -> bool:
        clause = statement(
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {self._by_status()} "
            "WHERE m.server_ip = :lane AND m.status = :status LIMIT :most) AS few"
        )
        values = {"lane": lane, "status": status.value, "most": FEW + 1}
        return int(self._records(clause, values)[0][0]) <= FEW

    def _floor(self, status: Status) -> int:
        """The man_id above which the newest SCAN rows of this status lie (where no order helps: the newest of all)."""
        if self._db.layout.in_order:
            clause = statement(
                f"SELECT m.man_id FROM {self._by_status()} WHERE m.server_ip = :server_ip AND m.status = :status "
                "ORDER BY m.man_id DESC LIMIT 1 OFFSET :scan"
            )
            return next(iter(self._ids(clause, {"status": status.value, "scan": SCAN})), 0)
        if self._few(self._server_ip, status):
            return 0
        clause = statement(f"SELECT MAX(man_id) FROM {TABLE}")
        return int(self._records(clause, {})[0][0] or 0) - SCAN


def outcome_by_now(row: Row, known: OutcomeRecord | None, older_than: float) -> Outcome | None:
    """What became of a row, as far as is known now: UNKNOWN for those of `Browsing.unknown`, flagged or not. Whoever
    should have flagged one may have been killed."""
    outcome = known.outcome if known is not None else None
    if row.status is not Status.SENT:
        return outcome
    if row.response == "Y":
        return None if outcome is Outcome.UNKNOWN else outcome  # an answer came after all
    sent_at = known.sent_at if known is not None else None
    age = (dt.datetime.now(dt.UTC) - sent_at).total_seconds() if sent_at is not None else row.age
    return outcome or (Outcome.UNKNOWN if age is None or age > older_than else None)


def _with_whole(row: Row, known: OutcomeRecord) -> Row:
    return dataclasses.replace(
        row,
        uniqueid=known.uniqueid if known.uniqueid.startswith(row.uniqueid) and row.uniqueid else row.uniqueid,
        channel=known.channel if known.channel.startswith(row.channel) and row.channel else row.channel,
    )
