"""What became of each row of the recordings of Asterisk 1.4.44, judged by reading them.

It knows no ChannelId, and its failing OriginateResponse says no Uniqueid: a row without a caller id whose Originate
fails is known by its Reason alone.
"""

from __future__ import annotations

import functools

from acqs_core.action import Outcome
from tests.unit import trace_reader

ANSWERED, BUSY, NO_ANSWER = Outcome.ANSWERED, Outcome.BUSY, Outcome.NO_ANSWER
CONGESTION, FAILED = Outcome.CONGESTION, Outcome.FAILED

Case = functools.partial(trace_reader.Case, version="1.4.44")
L, S = "Local/{}@default-{},1", "SIP/{}-000000{}"
CASES = (
    Case("originate_answered_local", (L.format(600, "8b06"), "1795456382.55", ANSWERED, 16), "by its caller id"),
    Case("originate_answered_local_n", (L.format(600, "4e65"), "1795456393.57", ANSWERED, 16), "by its caller id"),
    Case("originate_local_app", (L.format(600, "d0f8"), "1795456453.79", ANSWERED, None), "the application ends it"),
    Case("originate_busy_local", ("", "", BUSY, None), "Reason 5"),
    Case("originate_congestion_local", ("", "", CONGESTION, None), "Reason 8"),
    Case("originate_noanswer_local", ("", "", NO_ANSWER, None), "Reason 3"),
    Case("originate_invalid", None, "answered with an Error, which the sender hears", man_id=1),
    Case("originate_invalid", ("", "", FAILED, None), "no such channel technology", man_id=2),
    Case("originate_invalid", ("", "", NO_ANSWER, None), "nobody picked up within a second", man_id=6),
    Case("originate_invalid", ("", "", FAILED, None), "no such peer", man_id=8),
    Case("originate_noexten", ("", "", FAILED, None), "the Local leads nowhere"),
    Case(
        "originate_noexten",
        (L.format(600, "e155"), "1795456478.88", ANSWERED, None),
        "it does not look whether the extension exists: the call is answered and has nowhere to go",
        man_id=2,
    ),
    Case("originate_channelid", (L.format(600, "f64e"), "1795456409.61", ANSWERED, 16), "a ChannelId means nothing"),
    Case("originate_channelid_duplicate", (L.format(601, "77c4"), "1795456418.63", ANSWERED, 16), "one of two calls"),
    Case(
        "originate_channelid_duplicate",
        (L.format(601, "3f4e"), "1795456419.65", ANSWERED, 16),
        "the other",
        man_id=2,
    ),
    Case("originate_channelid_long", (L.format(600, "9b91"), "1795456423.67", ANSWERED, 16), "150 characters of it"),
    Case("originate_channelid_long", (L.format(600, "8f25"), "1795456424.69", ANSWERED, 16), "or 149", man_id=2),
    Case("originate_no_actionid", None, "no name, and an OriginateResponse without ActionID: nothing can tell"),
    Case("originate_pipelined", ("", "", BUSY, None), "its session had ended before"),
    Case("originate_sender_gone", ("", "", BUSY, None), "nobody waited for the answer"),
    Case("originate_sync", None, "no name, no OriginateResponse: nothing can tell"),
    Case("originate_sync_fail", None, "nor here"),
    Case("sip_answered", (S.format("ans", "0a"), "1795456556.111", ANSWERED, 16), "by its caller id"),
    Case("sip_earlymedia_false", (S.format("early", "0f"), "1795456587.116", ANSWERED, 16), "up without ringing"),
    Case("sip_busy", ("", "", BUSY, None), "Reason 5"),
    Case("sip_congestion", ("", "", CONGESTION, None), "Reason 8"),
    Case("sip_noanswer", ("", "", NO_ANSWER, None), "Reason 3"),
    Case("sip_nobody", ("", "", NO_ANSWER, None), "Reason 3"),
    Case("sip_nocontact", ("", "", FAILED, None), "there never was a channel"),
    Case("sip_unallocated", ("", "", CONGESTION, None), "404 is Reason 8 here"),
    Case("redirect", (S.format("ans", "06"), "1795456519.102", ANSWERED, 16), "sent elsewhere while it was up"),
    Case("redirect", None, "a Redirect without a caller id names no call", man_id=4),
    Case("redirect_bridged", (S.format("slow", "09"), "1795456542.108", ANSWERED, 16), "Dial tells of the phone"),
    Case("hangup", (L.format(601, "6188"), "1795457506.781", ANSWERED, None), "ended by an action"),
    Case("local_optimized", (L.format(617, "8bb3"), "1795457464.772", ANSWERED, 16), "what it led to comes and goes"),
    Case(
        "masquerade_asyncgoto",
        (S.format("ans", "03"), "1795456365.52", ANSWERED, 16),
        "the phone goes on under another Uniqueid; the ZOMBIE that hangs up with its first is nobody",
    ),
    Case("restart_cli", (L.format(601, "8cb5"), "1795457641.787", ANSWERED, None), "ended by Asterisk's own end"),
    Case("stop_gracefully_cli", (L.format(600, "e9ac"), "1795457738.0", ANSWERED, 16), "lives on while it stops"),
    Case("stop_gracefully_cli", ("", "", FAILED, None), "taken, and failed: it is shutting down", man_id=2),
    Case("events_between_response", ("", "", CONGESTION, None), "one of several at once", man_id=5),
    Case("varset_odd", (L.format(606, "04e3"), "1795456668.129", ANSWERED, 16), "odd values beside it"),
    *(
        Case("callerid_odd", ("", "", CONGESTION, None), "Reason 8, whatever its name", man_id=man_id)
        for man_id in range(1, 10)
    ),
)
