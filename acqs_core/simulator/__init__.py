"""A simulated Asterisk for the demo and for tests: an AMI server with calls, in the wire form of Asterisk 22.

It stands alone, so that what is tested with it cannot lean on it being wrong in the same way; its event sequences are
compared with streams recorded from a real Asterisk (tests/unit/test_simulator_traces.py).

Not simulated: rights (every user may do everything), TLS, authtimeout, media and its events, early media, masquerades,
transfers, conferences, `Variable` effects on the dialplan, Redirect's ExtraChannel, SuppressEvents. CoreSettings,
CoreStatus, Getvar, Setvar and a Dial() to a phone follow the documentation; no recording was compared for them.
"""

from acqs_core.simulator.dialplan import Dialplan, Phone, standard
from acqs_core.simulator.server import ReceivedAction, Simulator
from acqs_core.simulator.session import Fault

__all__ = ["Dialplan", "Fault", "Phone", "ReceivedAction", "Simulator", "standard"]
