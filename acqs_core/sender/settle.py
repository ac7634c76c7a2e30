"""What a child session learnt, as steps of its row: one function for each thing that can happen after the write."""

from __future__ import annotations

import datetime as dt

from acqs_core.action import Outcome, Status
from acqs_core.ami.wire import AmiMessage
from acqs_core.errors import AmiError
from acqs_core.queue.types import OutcomeRecord, Transition
from acqs_core.queue.writer import Writer
from acqs_core.sender.child import Child, blocking_time


def sent(writer: Writer, child: Child) -> None:
    """The action is about to be written."""
    man_id = child.row.man_id
    writer.outcome(OutcomeRecord(man_id, None, sent_at=dt.datetime.now(dt.UTC)))
    writer.journal(man_id, "sent", "\n".join(child.message.lines))


def unanswered(writer: Writer, child: Child, error: AmiError) -> None:
    """No answer came: the row stays SENT with response N, its outcome is unknown until evidence settles it."""
    writer.outcome(OutcomeRecord(child.row.man_id, Outcome.UNKNOWN, message=str(error)))
    writer.journal(child.row.man_id, "unanswered", str(error))


def answered(writer: Writer, child: Child, response: AmiMessage, mend: str = "") -> bool:
    """Asterisk answered; an Error ends the row, with what would `mend` it. Gives whether it was one."""
    man_id = child.row.man_id
    says = response.message + mend
    output = "\n".join(response.all("Output"))
    refused = response.response.lower() in ("error", "fail", "failure")
    writer.journal(man_id, "refused" if refused else "answered", "\n".join(filter(None, (says, output))))
    if not refused:
        writer.transition(Transition(man_id, answered=True))
        return False
    # An Originate that was waited for fails when its call does: the listener may know better why.
    call_failed = blocking_time(child.message) > 0 and says.lower() == "originate failed"
    outcome = Outcome.FAILED if call_failed else Outcome.REFUSED
    now = dt.datetime.now(dt.UTC)
    writer.outcome(OutcomeRecord(man_id, outcome, message=says, ended_at=now))
    writer.transition(Transition(man_id, Status.DEAD, answered=True))
    return True
