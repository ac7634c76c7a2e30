"""What must hold after every step, whatever has failed: design §1, as statements about the table and about what
Asterisk was given. Each law can be broken, which test_model.py shows by planting a bug for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from acqs_core import story
from acqs_core.action import LINE_COLUMNS, Row, Status
from tests.faults.model.box import Verdict, Written

if TYPE_CHECKING:
    from tests.faults.model.world import World

MOVES = frozenset({
    ("NEW", "QUEUE"), ("QUEUE", "SENT"), ("QUEUE", "NEW"), ("SENT", "NEW"), ("QUEUE", "DEAD"), ("SENT", "DEAD"),
    ("SENT", "UPDATED"), ("UPDATED", "DEAD"), ("NEW", "DEAD"),
})  # fmt: skip
"""Every step of design §1's table; DEAD never comes back."""

ONCE = "an action is written at most once"
KEPT = "no row is lost or altered"
STEPS = "statuses move as design §1 allows"
UNWRITTEN = "NEW and QUEUE mean: certainly not written"
ORDER = "actions of one caller id leave in man_id order, each after the answer to the one before or response_timeout"
ALIVE = "a row whose call lives is not DEAD, and only one with a call is UPDATED"
ANSWERED = "response is Y only when Asterisk has answered"
REASON = "every row that is not final has a reason that can be told"
FORESEEN = "no program fails for a reason that nobody foresaw"


LOGGING_IN = "its child session is connecting and logging in"
"""What is said of a row in QUEUE that nothing keeps from being sent."""


class Broken(AssertionError):
    """A law does not hold."""


class Laws:
    """Looks at a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._broken: list[str] = []
        self._looks = 0
        self.ended_by_operator: set[int] = set()
        """Rows that somebody discarded: their calls may live on, and nobody waits for their answer."""

    def judge_write(self, before: Sequence[Written], one: Written) -> None:
        """An action is being written. What is wrong is told at the next `hold`: here it would end in a program."""
        standing = [other for other in before if other.verdict is not Verdict.NOT_TAKEN]
        if any(other.man_id == one.man_id for other in standing):
            self._break(ONCE, f"row {one.man_id} is written again")
        if not one.callerid.strip():
            return
        line = [other for other in standing if other.callerid == one.callerid]
        if any(other.man_id > one.man_id for other in line):
            self._break(ORDER, f"row {one.man_id} comes after {max(other.man_id for other in line)}")
        for other in line:
            waited = one.at - other.at
            if not other.said and waited < self._world.patience and other.man_id not in self.ended_by_operator:
                self._break(ORDER, f"row {one.man_id} did not wait for the answer to {other.man_id}")

    def hold(self) -> None:
        """Raises Broken when a law does not hold."""
        rows = self._world.rows()
        moved = self._judge_moves()
        self._judge_rows(rows)
        for row in rows.values():
            self._judge_calls(row)
        # Each sentence costs several queries: of rows that moved, and of one other each time.
        self._looks += 1
        told = {*moved, [*rows, 0][self._looks % (len(rows) + 1)]}
        for row in (rows[man_id] for man_id in told & rows.keys()):
            if row.status is not Status.DEAD:
                self._judge_reason(row)
        for said in self._world.errors.said:
            self._break(FORESEEN, said)
        for name, process in self._world.processes.items():
            if process.task.done():
                self._break(FORESEEN, f"program {name} has ended: {process.task}")
        if self._broken:
            raise Broken("\n".join(self._broken))

    def _judge_moves(self) -> set[int]:
        """Gives which rows have moved."""
        moves = self._world.raw.execute("SELECT man_id, old, new FROM moves").fetchall()
        for man_id, old, new in moves:
            if (old, new) not in MOVES:
                self._break(STEPS, f"row {man_id} went from {old} to {new}")
        if moves:
            self._world.raw.execute("DELETE FROM moves")
        return {man_id for man_id, _, _ in moves}

    def _judge_rows(self, rows: dict[int, Row]) -> None:
        for man_id, action in self._world.inserted.items():
            row = rows.get(man_id)
            if row is None:
                self._break(KEPT, f"row {man_id} is gone")
                continue
            lines = (*action.lines, *[""] * (len(LINE_COLUMNS) - len(action.lines)))
            if (row.action, row.callerid, row.lines) != (action.action, action.callerid, lines):
                self._break(KEPT, f"row {man_id} was {action} and is {row}")

    def _judge_calls(self, row: Row) -> None:
        written = [one for one in self._world.box.written if one.man_id == row.man_id]
        standing = [one for one in written if one.verdict is not Verdict.NOT_TAKEN]
        call = self._world.box.call_of(row.man_id)
        if row.status in (Status.NEW, Status.QUEUE) and standing:
            self._break(UNWRITTEN, f"row {row.man_id} is {row.status} and was written")
        if row.response == "Y" and not any(one.said for one in standing):
            self._break(ANSWERED, f"row {row.man_id} was never answered")
        if row.status is Status.UPDATED and call is None and row.action == "Originate":
            self._break(ALIVE, f"row {row.man_id} is UPDATED and has no call")
        if row.status is Status.DEAD and call is not None and call.lives and row.man_id not in self.ended_by_operator:
            self._break(ALIVE, f"row {row.man_id} is DEAD and its call is {call.state}")

    def _judge_reason(self, row: Row) -> None:
        store = self._world.store
        says = story.why(store.timeline(row.man_id), story.around(store, row, self._world.trouble))
        if not says.endswith(".") or "\n" in says or "None" in says:
            self._break(REASON, f"of row {row.man_id} nothing can be told: {says!r}")
        waits = row.status in (Status.NEW, Status.QUEUE)
        if waits and self._world.paused and "sending is paused by" not in says:
            self._break(REASON, f"row {row.man_id} is {row.status} because of a pause, and it says: {says!r}")
        if row.status is Status.QUEUE and LOGGING_IN in says and not self._world.is_in_hand(row.man_id):
            self._break(REASON, f"row {row.man_id} is QUEUE, no engine has it in its hands, and it says: {says!r}")
        if row.response == "N" and "has taken it" in says:
            self._break(REASON, f"row {row.man_id} was not answered, and it says: {says!r}")

    def _break(self, law: str, what: str) -> None:
        self._broken.append(f"{law}: {what}")
