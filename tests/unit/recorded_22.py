"""What became of each row of the recordings of Asterisk 22.10.1, judged by reading them."""

from __future__ import annotations

from acqs_core.action import Outcome
from tests.unit.trace_reader import Case

ANSWERED, BUSY, NO_ANSWER = Outcome.ANSWERED, Outcome.BUSY, Outcome.NO_ANSWER
CONGESTION, FAILED = Outcome.CONGESTION, Outcome.FAILED
C149 = "c" * 149

L, P = "Local/{}@default-000000{}", "PJSIP/{}-000000{}"
CASES = (
    Case(
        "originate_answered_local",
        (L.format(600, "19;1"), "1795456197.57", ANSWERED, 16),
        "both halves bear its caller id; the half that the Originate made is shown",
    ),
    Case(
        "originate_answered_local_n",
        (L.format(600, "1a;1"), "1795456207.59", ANSWERED, 16),
        "the other half is up before, but is not what was called",
    ),
    Case("originate_busy_local", ("", "", BUSY, None), "no name, no id: Reason 5 is all there is"),
    Case(
        "originate_busy_local",
        (L.format(603, "1b;1"), "1795456217.61", BUSY, 17),
        "the half that was called gives Cause 0, its other half 17",
        asked="1795456217.61",
    ),
    Case("originate_congestion_local", ("", "", CONGESTION, None), "Reason 8 is all there is"),
    Case(
        "originate_congestion_local",
        ("", "", CONGESTION, 34),
        "it never rang, so the row shows no channel",
        asked="1795456246.70",
    ),
    Case("originate_noanswer_local", ("", "", NO_ANSWER, None), "Reason 3 is all there is"),
    Case(
        "originate_noanswer_local",
        (L.format(602, "25;1"), "1795456280.80", NO_ANSWER, 19),
        "it rang until the timeout",
        asked="1795456280.80",
    ),
    Case("originate_invalid", None, "answered with an Error, which the sender hears", man_id=1),
    Case("originate_invalid", ("", "", FAILED, None), "no such channel technology: Reason 0, no channel", man_id=2),
    Case("originate_invalid", None, "answered with an Error, which the sender hears", man_id=3),
    Case("originate_invalid", ("", "", NO_ANSWER, None), "nobody picked up within a second", man_id=6),
    Case("originate_invalid", ("", "", FAILED, None), "no such peer: Reason 0, no channel", man_id=8),
    Case("originate_noexten", ("", "", FAILED, None), "the Local leads nowhere: Reason 0, Cause 0"),
    Case("originate_noexten", ("", "", FAILED, None), "and never rings", asked="1795456289.82"),
    Case("originate_noexten", None, "answered with `Extension does not exist.`", man_id=2),
    Case(
        "originate_local_app",
        (L.format(600, "23;1"), "1795456267.76", ANSWERED, None),
        "OriginateResponse comes before Up; the application ends it with Cause 0",
    ),
    Case(
        "originate_channelid",
        (L.format(600, "1c;1"), "acqs-0000000042-1", ANSWERED, 16),
        "a ChannelId of its own that only resembles ours, and an OtherChannelId",
    ),
    Case("originate_channelid_duplicate", (L.format(601, "1d;1"), "dup-id-1", ANSWERED, 16), "lives until its Hangup"),
    Case(
        "originate_channelid_duplicate",
        ("", "", FAILED, None),
        "refused: its Failure carries the living call's id, which is none of its business",
        man_id=2,
    ),
    Case("originate_channelid_long", None, "150 characters: answered with an Error"),
    Case(
        "originate_channelid_long",
        (L.format(600, "1f;1"), C149, ANSWERED, 16),
        "a long uniqueid is kept whole",
        man_id=2,
    ),
    Case("originate_no_actionid", None, "no name, no id, and an OriginateResponse without ActionID: nothing can tell"),
    Case(
        "originate_no_actionid",
        (L.format(603, "24;1"), "1795456276.78", BUSY, 17),
        "its ChannelId tells, and the Hangup's cause says busy",
        asked="1795456276.78",
    ),
    Case("originate_sync", None, "without Async there is no OriginateResponse"),
    Case(
        "originate_sync",
        (L.format(600, "29;1"), "1795456300.88", ANSWERED, 16),
        "its channel was up",
        asked="1795456300.88",
    ),
    Case("originate_sync_fail", None, "without Async there is no OriginateResponse"),
    Case(
        "originate_sync_fail",
        (L.format(602, "2a;1"), "1795456309.90", NO_ANSWER, 19),
        "Cause 19 says that nobody answered",
        asked="1795456309.90",
    ),
    Case("sip_answered", (P.format("ans", "0b"), "1795456359.104", ANSWERED, 16), "by its caller id"),
    Case("sip_earlymedia_false", (P.format("early", "10"), "1795456390.109", ANSWERED, 16), "up without ringing"),
    Case("sip_busy", ("", "", FAILED, None), "Reason 0, and nothing tells that the Hangup is its own"),
    Case("sip_busy", (P.format("busy", "0d"), "1795456375.106", BUSY, 17), "the Hangup tells", asked="1795456375.106"),
    Case("sip_congestion", ("", "", CONGESTION, 34), "503 before it rang", asked="1795456387.108"),
    Case(
        "sip_noanswer",
        (P.format("ring", "12"), "1795456408.111", NO_ANSWER, 19),
        "the Failure comes while the channel lives and is believed once it does not",
        asked="1795456408.111",
    ),
    Case("sip_unallocated", ("", "", FAILED, 1), "404: Reason 0, Cause 1", asked="1795456440.116"),
    Case("sip_nobody", ("", "", NO_ANSWER, 19), "no reply at all: Reason 3", asked="1795456415.112"),
    Case("sip_nocontact", ("", "", FAILED, None), "there never was a channel", asked="1795456999.1"),
    Case(
        "redirect",
        (P.format("ans", "07"), "1795456327.96", ANSWERED, 16),
        "known by the OriginateResponse; sent elsewhere while it was up",
    ),
    Case("redirect", None, "a Redirect without a caller id names no call", man_id=4),
    Case(
        "redirect_bridged",
        (P.format("slow", "0a"), "1795456347.101", ANSWERED, 16),
        "the phone that the Local led to is redirected and outlives both halves; a NewCallerid follows a Hangup",
    ),
    Case("hangup", (L.format(601, "59;1"), "1795457459.203", ANSWERED, None), "ended by an action, Cause 0"),
    Case("hangup", None, "a Hangup row has no call", man_id=4),
    Case("local_optimized", (L.format(620, "5c;1"), "1795457466.210", ANSWERED, 16), "what it followed, it ends with"),
    Case(
        "masquerade_asyncgoto",
        (P.format("ans", "04"), "1795456177.54", ANSWERED, 16),
        "the phone leaves the bridge and is the call",
    ),
    *(
        Case("callerid_odd", ("", "", CONGESTION, 34), "Asterisk's name is the row's, byte for byte", man_id=man_id)
        for man_id in (1, 2, 5, 6, 8, 9)
    ),
    *(
        Case("callerid_odd", ("", "", CONGESTION, None), "without a name only the ActionID tells", man_id=man_id)
        for man_id in (3, 4)
    ),
    Case("callerid_odd", ("", "", CONGESTION, None), "Asterisk writes a tab in a name as backslash t", man_id=7),
)
