"""Actions that Asterisk does not allow our user: every row of them would be DEAD, so somebody should be told."""

from __future__ import annotations

import logging

from acqs_core.ami.forms import Form
from acqs_core.ami.refusals import DENIED, missing_right
from acqs_core.ami.wire import AmiMessage

log = logging.getLogger(__name__)


class Denials:
    """Tells once of each such action, and remembers it until Asterisk takes it again."""

    def __init__(self) -> None:
        self._mends: dict[str, str] = {}

    @property
    def told(self) -> list[str]:
        """What to mend, an action a line."""
        return list(self._mends.values())

    def mend_for(self, action: str, response: AmiMessage, banner: str) -> str:
        """What to add to Asterisk's words when it denied the action; nothing when it did not."""
        name = action.lower()
        if response.success or response.message != DENIED:
            self._mends.pop(name, None)
            return ""
        mend = missing_right(action, Form.of_banner(banner))
        if name not in self._mends:
            log.warning("sender: Asterisk denies what is queued, rows of it are DEAD: %s", mend)
        self._mends[name] = mend
        return f"; {mend}, and retry the row"
