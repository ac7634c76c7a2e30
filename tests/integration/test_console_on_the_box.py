"""An operator's night on real parts: `acqs-tui` on a terminal, a daemon, a real Asterisk, a producer beside it.

Only what is on the screen is waited for, so that a slow machine is no other than a fast one.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from acqs_core.action import Outcome, Status, call, channel_id
from tests.integration.conftest import KINDS
from tests.integration.headless import Fleet
from tests.integration.stand import Stand, events_of, outcome_of
from tests.tui.screen import Screen
from tests.tui.terminal import on_terminal

SIZE = (200, 40)

ENTER, ESCAPE, END = b"\r", b"\x1b", b"\x1b[F"


def line(man_id: int, *shown: str) -> str:
    """The queue pane's line of a row."""
    return rf"^\W*{man_id} +\d+[smhd] .*" + ".*".join(shown)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("stand", KINDS[:1], indirect=True)
async def test_an_operator_sees_and_does_all_on_real_parts(stand: Stand, tmp_path: Path) -> None:
    async with Fleet(stand, tmp_path) as fleet:
        daemon = await fleet.start()
        await daemon.wait_ready()
        settings = tmp_path / "console.toml"
        settings.write_text(f'server_ip = "{stand.server_ip}"\n[control]\nfolder = "{fleet.sockets}"\n')
        async with on_terminal("--config", str(settings), size=SIZE) as terminal:
            screen = Screen(terminal, SIZE)
            await screen.shows("● RUNNING", "ATTACHED", "no rows yet")

            # A test call: it rings, until it is answered, until it is hung up.
            terminal.press(b"i")
            await screen.shows("Inject an action", "nothing is sent like this", "Esc leave")
            terminal.press(b"Local/602@default/n")
            await screen.shows("Channel +Local/602@default/n")
            terminal.press(b"\t")
            await screen.types_at("Extension")
            terminal.press(b"601")
            await screen.shows("Channel: Local/602@default/n", "Exten: 601")
            terminal.press(ENTER)
            await screen.shows(line(1, "● UPDATED +Originate", "Local/602@default"))
            with stand.asterisk.connect() as admin:
                other_half = stand.store.timeline(1).row.channel.removesuffix("1") + "2"
                admin.ask("Redirect", Channel=other_half, Context="default", Exten="601", Priority="1")
                await screen.shows(line(1, "● UPDATED", "✓ answered"), r"row 1 .*● UPDATED.* answered")
                admin.ask("Hangup", Channel=channel_id(1))
            await screen.shows(line(1, "✕ DEAD", "✓ answered"), r"row 1 .*✕ DEAD +answered")

            # A pause holds what another client inserts; of two rows one is discarded, the other goes when it may.
            terminal.press(b"p")
            await screen.shows("Stop the queue", "Reason +for those", "Esc leave it running")
            terminal.press(b"lunch" + ENTER)
            await screen.shows("‖ PAUSED", "sending is paused by .*: lunch")
            waits, unwanted = (stand.produce(call("Local/632@default/n", exten="610", callerid=f"V{n}")) for n in "23")
            await screen.shows(line(waits, "○ NEW", "V2"), line(unwanted, "○ NEW", "V3"))
            terminal.press(END + b"d")
            await screen.shows("✕ Discard", rf"{unwanted} +○ NEW → ✕ DEAD")
            terminal.press(ENTER)
            await screen.shows(line(unwanted, "✕ DEAD", "discarded"), line(waits, "○ NEW"), "‖ PAUSED")
            terminal.press(b"u")
            await screen.shows("Resume the queue", "1 go out at once")
            terminal.press(ENTER)
            await screen.shows("● RUNNING", line(waits, "✕ DEAD", "✓ answered"))

            # What was discarded is wanted after all.
            terminal.press(b"t")
            await screen.shows("↻ Retry", rf"{unwanted} +a NEW copy")
            terminal.press(ENTER)
            copy = unwanted + 1
            await screen.shows(line(copy, "✕ DEAD", "✓ answered", "V3"), rf"row {copy} .*✕ DEAD +answered")

            # The daemon dies; the console says so, offers to take over, and attaches to the next.
            await daemon.kill()
            await screen.shows("✕ NO ENGINE", "press a to start one")
            terminal.press(b"a")
            await screen.shows("Take over", "Start one?")
            terminal.press(ESCAPE)
            successor = await fleet.start()
            await screen.shows("● RUNNING", "ATTACHED", rf"lease \S+:{successor.pid}", line(copy, "✕ DEAD"))
            terminal.press(b"q")
            assert await terminal.ended() == 0

        # Leaving left the daemon alone: the next console finds all as it was.
        async with on_terminal("--config", str(settings), size=SIZE) as terminal:
            await Screen(terminal, SIZE).shows("● RUNNING", "ATTACHED", rf"lease \S+:{successor.pid}", line(copy))
            terminal.press(b"q")
            assert await terminal.ended() == 0
        assert await successor.terminate() == 0
    assert stand.asterisk.active_channels() == 0
    ends = [stand.store.timeline(man_id) for man_id in (1, waits, unwanted, copy)]
    assert {end.row.status for end in ends} == {Status.DEAD}
    assert [outcome_of(end) for end in ends] == [
        Outcome.ANSWERED, Outcome.ANSWERED, Outcome.DISCARDED, Outcome.ANSWERED,
    ]  # fmt: skip
    assert {"discarded", "retried"} <= set(events_of(ends[2]))
