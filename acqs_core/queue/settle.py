"""What became of actions, written in batches and by man_id: transitions of rows, outcomes, and the journal.

One statement a batch is 14 to 24 times as fast as one a row (design §3). Everything here may be written twice or in
another order and ends the same: a row never leaves DEAD, a final outcome is never replaced, and what is not known now
does not wipe out what was known before.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from acqs_core.action import Outcome, Status
from acqs_core.queue import rows
from acqs_core.queue.desk import Desk
from acqs_core.queue.layout import TABLE, Column
from acqs_core.queue.types import MAX_DETAIL, PRECISE, JournalEntry, OutcomeRecord, Transition, cut

BATCH = 200
"""Rows of one batched statement."""

MESSAGE, CHANNEL, UNIQUEID, EVENT, DETAIL, ACTOR = (
    Column(255), Column(255), Column(150), Column(40), Column(MAX_DETAIL), Column(100),
)  # fmt: skip
"""What the sidecars' text columns hold. Asterisk's own bounds are below them: 149 characters of uniqueid."""

_TARGETS = (None, Status.UPDATED, Status.DEAD)


class Settlements(Desk):
    """Batched writes of sender, listener and operators."""

    def apply(self, transitions: Sequence[Transition]) -> None:
        """Move rows on: UPDATED or DEAD, channel and uniqueid only from SENT or UPDATED; 'Y' on DEAD rows too.

        One transition for a man_id at most. A channel or uniqueid wider than its column is cut to it in
        vicidial_manager and kept whole in acqs_outcome. Raises ValueError for a status no event leads to.
        """
        if any(transition.status not in _TARGETS for transition in transitions):
            raise ValueError("a transition leads to UPDATED or DEAD; claim, mark_sent and requeue do the rest")
        ordered = sorted(transitions, key=lambda transition: transition.man_id)
        too_wide = [t for t in ordered if self._is_too_wide(t)]
        self.record([OutcomeRecord(t.man_id, channel=t.channel, uniqueid=t.uniqueid) for t in too_wide], [])
        for batch in rows.batches([t for t in ordered if t.status or t.channel or t.uniqueid], BATCH):
            self._move(batch)
        for batch in rows.batches([t.man_id for t in ordered if t.answered], BATCH):
            self._answer(batch)

    def record(self, outcomes: Sequence[OutcomeRecord], journal: Sequence[JournalEntry]) -> None:
        """Write outcomes, merging each with what is known already, and append to the journal.

        An outcome is replaced only by one that `outranks` it; of one that stays, cause and message are only filled in
        where they are missing. A message that says why an outcome is unknown goes with it.
        When the reply is lost (QueueUnavailable) write again: outcomes stay the same, journal lines may then be there
        twice.
        """
        for batch in rows.batches(sorted(outcomes, key=lambda outcome: outcome.man_id), BATCH):
            self._record(batch)
        for entries in rows.batches(journal, BATCH):
            self._append(entries)

    def _is_too_wide(self, transition: Transition) -> bool:
        columns = self._db.layout.columns
        return not (columns["channel"].holds(transition.channel) and columns["uniqueid"].holds(transition.uniqueid))

    def _move(self, batch: Sequence[Transition]) -> None:
        layout, mark = self._db.layout, self._db.words.mark
        first = f"SELECT {mark} AS man_id, {mark} AS status, {mark} AS channel, {mark} AS uniqueid"
        moves = " UNION ALL ".join([first, *[f"SELECT {mark}, {mark}, {mark}, {mark}"] * (len(batch) - 1)])
        if self._db.dialect == "mysql":
            sql = (
                f"UPDATE {TABLE} m JOIN ({moves}) t ON m.man_id = t.man_id SET "
                "m.status = IF(t.status = '', m.status, t.status), "
                f"m.channel = IF(t.channel = '', {self._as_it_is('channel')}, t.channel), "
                f"m.uniqueid = IF(t.uniqueid = '', {self._as_it_is('uniqueid')}, t.uniqueid) "
                "WHERE m.status IN ('SENT', 'UPDATED')"
            )
        else:
            sql = (
                f"UPDATE {TABLE} AS m SET status = CASE t.status WHEN '' THEN m.status ELSE t.status END, "
                "channel = CASE t.channel WHEN '' THEN m.channel ELSE t.channel END, "
                "uniqueid = CASE t.uniqueid WHEN '' THEN m.uniqueid ELSE t.uniqueid END "
                f"FROM ({moves}) AS t WHERE m.man_id = t.man_id AND m.status IN ('SENT', 'UPDATED')"
            )
        values: list[Any] = []
        for t in batch:
            status = t.status.value if t.status else ""
            values += [t.man_id, status, layout.fit("channel", t.channel), layout.fit("uniqueid", t.uniqueid)]
        self._write(sql, values)

    def _as_it_is(self, column: str) -> str:
        # Beside a `josé` of the batch a bare latin1 column is error 1267, whichever of the two is chosen.
        return f"CONVERT(m.{column} USING utf8mb4) COLLATE utf8mb4_bin"

    def _answer(self, man_ids: Sequence[int]) -> None:
        marks = ", ".join([self._db.words.mark] * len(man_ids))
        self._write(
            f"UPDATE {TABLE} SET response = 'Y' WHERE man_id IN ({marks}) AND status IN ('SENT', 'UPDATED', 'DEAD')",
            list(man_ids),
        )

    def _record(self, batch: Sequence[OutcomeRecord]) -> None:
        row = f"({', '.join([self._db.words.mark] * 9)})"
        sql = (
            f"INSERT INTO acqs_outcome ({rows.OUTCOME}) VALUES {', '.join([row] * len(batch))} "
            f"{self._db.words.on_conflict('man_id')} {self._merge()}"
        )
        values: list[Any] = []
        for o in batch:
            values += [
                o.man_id, o.outcome.value if o.outcome else None, o.cause, MESSAGE.fit(o.message),
                CHANNEL.fit(o.channel), UNIQUEID.fit(o.uniqueid),
                rows.stamp(o.sent_at), rows.stamp(o.updated_at), rows.stamp(o.ended_at),
            ]  # fmt: skip
        self._write(sql, values)

    def _merge(self) -> str:
        """How a record joins what is there (`outranks`). MySQL assigns from left to right: outcome comes last, because
        the others look at it."""
        incoming = self._db.words.incoming
        precise = ", ".join(f"'{outcome}'" for outcome in sorted(PRECISE))
        is_open = (
            f"(acqs_outcome.outcome IS NULL OR acqs_outcome.outcome = '{Outcome.UNKNOWN}' "
            f"OR acqs_outcome.outcome = '{Outcome.FAILED}' AND {incoming('outcome')} IN ({precise}))"
        )

        new, old = f"NULLIF({incoming('message')}, '')", "NULLIF(acqs_outcome.message, '')"
        unknown = f"'{Outcome.UNKNOWN}'"
        # Why an outcome is unknown explains no other, whichever of the two was written first.
        message = (
            f"message = CASE WHEN acqs_outcome.outcome = {unknown} AND {incoming('outcome')} <> {unknown} "
            f"THEN {incoming('message')} "
            f"WHEN {incoming('outcome')} = {unknown} AND acqs_outcome.outcome <> {unknown} THEN acqs_outcome.message "
            f"WHEN {is_open} THEN COALESCE({new}, {old}, '') ELSE COALESCE({old}, {new}, '') END"
        )
        latest = [f"{c} = COALESCE(NULLIF({incoming(c)}, ''), acqs_outcome.{c})" for c in ("channel", "uniqueid")]
        moments = [f"{c} = COALESCE({incoming(c)}, acqs_outcome.{c})" for c in ("sent_at", "updated_at", "ended_at")]
        cause = (
            f"cause = CASE WHEN {is_open} THEN COALESCE({incoming('cause')}, acqs_outcome.cause) "
            f"ELSE COALESCE(acqs_outcome.cause, {incoming('cause')}) END"
        )
        outcome = (
            f"outcome = CASE WHEN {is_open} THEN COALESCE({incoming('outcome')}, acqs_outcome.outcome) "
            "ELSE acqs_outcome.outcome END"
        )
        return ", ".join([cause, message, *latest, *moments, outcome])

    def _append(self, entries: Sequence[JournalEntry]) -> None:
        row = f"({', '.join([self._db.words.mark] * 6)})"
        sql = (
            "INSERT INTO acqs_journal (man_id, server_ip, at, event, detail, actor) "
            f"VALUES {', '.join([row] * len(entries))}"
        )
        now = dt.datetime.now(dt.UTC)
        values: list[Any] = []
        for e in entries:
            values += [
                e.man_id, self._server_ip, rows.stamp(e.at or now),
                EVENT.fit(e.event), DETAIL.fit(cut(e.detail)), ACTOR.fit(e.actor),
            ]  # fmt: skip
        self._write(sql, values)

    def _write(self, sql: str, values: list[Any]) -> None:
        """A batch goes to the driver as it is: its text depends on its length, so compiling it would never pay."""
        self._db.run(lambda connection: connection.exec_driver_sql(sql, tuple(values)))
