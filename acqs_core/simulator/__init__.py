"""A simulated Asterisk for the demo and for tests: an AMI server with calls, in the wire form of Asterisk 22.

It stands alone, so that what is tested with it cannot lean on it being wrong in the same way; its event sequences are
compared with every stream recorded from a real Asterisk 22.10.1 (tests/unit/test_simulator_traces.py, and
`python -m tests.simulated`, which says what is not compared).

Not simulated: media and its events, transfers, conferences, hints, `Variable` effects on the dialplan, Redirect's
ExtraChannel. What no recording holds, such as CoreSettings, ListCommands, Getvar and bad Filters, is asked of a living
Asterisk 22 too (tests/integration/test_simulator_beside_asterisk.py).
"""

from acqs_core.simulator.dialplan import Dialplan, Phone, standard
from acqs_core.simulator.server import ReceivedAction, Simulator
from acqs_core.simulator.session import Fault
from acqs_core.simulator.users import User

__all__ = ["Dialplan", "Fault", "Phone", "ReceivedAction", "Simulator", "User", "standard"]
