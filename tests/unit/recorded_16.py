"""What became of each row of the recordings of Asterisk 16.28.0, judged by reading them.

It gives Cause 0 where 22 says that nobody answered, and lets a Hangup choose its cause.
"""

from __future__ import annotations

import functools

from acqs_core.action import Outcome
from tests.unit import trace_reader

ANSWERED, BUSY, NO_ANSWER = Outcome.ANSWERED, Outcome.BUSY, Outcome.NO_ANSWER
CONGESTION, FAILED = Outcome.CONGESTION, Outcome.FAILED

Case = functools.partial(trace_reader.Case, version="16.28.0")
L, P = "Local/{}@default-000000{}", "PJSIP/{}-000000{}"
CASES = (
    Case("originate_answered_local", (L.format(600, "19;1"), "1795456197.80", ANSWERED, 16), "by its caller id"),
    Case("originate_answered_local_n", (L.format(600, "1a;1"), "1795456207.84", ANSWERED, 16), "by its caller id"),
    Case("originate_local_app", (L.format(600, "23;1"), "1795456267.109", ANSWERED, None), "the application ends it"),
    Case("originate_busy_local", ("", "", BUSY, None), "Reason 5 is all there is"),
    Case(
        "originate_busy_local",
        (L.format(603, "1b;1"), "1795456217.88", BUSY, 17),
        "the other half gives the cause",
        asked="1795456217.88",
    ),
    Case("originate_congestion_local", ("", "", CONGESTION, None), "Reason 8 is all there is"),
    Case("originate_congestion_local", ("", "", CONGESTION, 34), "it never rang", asked="1795456246.103"),
    Case("originate_noanswer_local", ("", "", NO_ANSWER, None), "Reason 3 is all there is"),
    Case(
        "originate_noanswer_local",
        (L.format(602, "25;1"), "1795456280.115", NO_ANSWER, None),
        "it rang until the timeout, Cause 0",
        asked="1795456280.115",
    ),
    Case("originate_invalid", None, "answered with an Error, which the sender hears", man_id=1),
    Case("originate_invalid", ("", "", FAILED, None), "no such channel technology", man_id=2),
    Case("originate_invalid", ("", "", NO_ANSWER, None), "nobody picked up within a second", man_id=6),
    Case("originate_invalid", ("", "", FAILED, None), "no such peer", man_id=8),
    Case("originate_noexten", ("", "", FAILED, None), "the Local leads nowhere"),
    Case("originate_noexten", None, "answered with `Extension does not exist.`", man_id=2),
    Case("originate_channelid", (L.format(600, "1c;1"), "acqs-0000000042-1", ANSWERED, 16), "a ChannelId of its own"),
    Case("originate_channelid_duplicate", (L.format(601, "1d;1"), "dup-id-1", ANSWERED, 16), "lives until its Hangup"),
    Case("originate_channelid_duplicate", ("", "", FAILED, None), "refused: the first one lives", man_id=2),
    Case("originate_channelid_long", None, "150 characters: answered with an Error"),
    Case("originate_channelid_long", (L.format(600, "1f;1"), "c" * 149, ANSWERED, 16), "149 are kept", man_id=2),
    Case("originate_no_actionid", None, "no name, no id, and an OriginateResponse without ActionID"),
    Case(
        "originate_no_actionid",
        (L.format(603, "24;1"), "1795456276.113", BUSY, 17),
        "its ChannelId tells",
        asked="1795456276.113",
    ),
    Case("originate_pipelined", ("", "", BUSY, None), "its session had ended before"),
    Case("originate_sender_gone", ("", "", BUSY, None), "nobody waited for the answer"),
    Case("originate_sync", None, "without Async there is no OriginateResponse"),
    Case(
        "originate_sync",
        (L.format(600, "29;1"), "1795456300.123", ANSWERED, 16),
        "its channel was up",
        asked="1795456300.123",
    ),
    Case(
        "originate_sync_fail",
        (L.format(602, "2a;1"), "1795456309.127", NO_ANSWER, None),
        "no Reason and Cause 0: that it rang is all there is",
        asked="1795456309.127",
    ),
    Case("sip_answered", (P.format("ans", "0b"), "1795456359.150", ANSWERED, 16), "by its caller id"),
    Case("sip_earlymedia_false", (P.format("early", "10"), "1795456390.158", ANSWERED, 16), "up without ringing"),
    Case("sip_busy", ("", "", FAILED, None), "Reason 0"),
    Case("sip_busy", (P.format("busy", "0d"), "1795456375.154", BUSY, 17), "the Hangup tells", asked="1795456375.154"),
    Case("sip_congestion", ("", "", CONGESTION, 34), "503 before it rang", asked="1795456387.157"),
    Case(
        "sip_noanswer",
        (P.format("ring", "12"), "1795456408.162", NO_ANSWER, None),
        "Reason 3, Cause 0",
        asked="1795456408.162",
    ),
    Case("sip_unallocated", ("", "", FAILED, 1), "404: Reason 0, Cause 1", asked="1795456440.167"),
    Case("sip_nobody", ("", "", NO_ANSWER, None), "no reply at all: Reason 3, Cause 0", asked="1795456415.163"),
    Case("sip_nocontact", ("", "", FAILED, None), "there never was a channel", asked="1795456999.1"),
    Case("redirect", (P.format("ans", "07"), "1795456327.133", ANSWERED, 16), "sent elsewhere while it was up"),
    Case("redirect", None, "a Redirect without a caller id names no call", man_id=4),
    Case("redirect_bridged", (P.format("slow", "0a"), "1795456347.142", ANSWERED, 16), "outlives both halves"),
    Case("hangup", (L.format(601, "5a;1"), "1795457459.342", ANSWERED, None), "ended by an action, Cause 0"),
    Case("hangup", None, "a Hangup row has no call", man_id=4),
    Case("hangup_by_uniqueid_regex_cause", (L.format(601, "13;1"), "hx-1", ANSWERED, 21), "with a cause of its own"),
    Case("hangup_by_uniqueid_regex_cause", (L.format(601, "14;1"), "1795456132.54", ANSWERED, 17), "", man_id=3),
    Case("local_optimized", (L.format(620, "5c;1"), "1795457466.349", ANSWERED, 16), "what it followed, it ends with"),
    Case("masquerade_asyncgoto", (P.format("ans", "04"), "1795456177.73", ANSWERED, 16), "the phone leaves the bridge"),
    Case("restart_cli", (L.format(601, "00;1"), "1795457608.0", ANSWERED, None), "ended by Asterisk's own end"),
    Case("stop_gracefully_cli", (L.format(600, "00;1"), "1795457738.0", ANSWERED, 16), "lives on while it stops"),
    Case("stop_gracefully_cli", None, "answered with an Error: it is shutting down", man_id=2),
    Case("events_between_response", ("", "", CONGESTION, None), "one of several at once", man_id=5),
    Case("varset_odd", (L.format(606, "31;1"), "1795456466.175", ANSWERED, 16), "odd values beside it"),
    *(
        Case("callerid_odd", ("", "", CONGESTION, 34), "Asterisk's name is the row's, byte for byte", man_id=man_id)
        for man_id in (1, 2, 5, 6, 8, 9)
    ),
    *(
        Case("callerid_odd", ("", "", CONGESTION, None), "only the ActionID tells", man_id=man_id)
        for man_id in (3, 4, 7)
    ),
)
