"""An operator's deeds: what is shown before, what is done, what is refused, what is said."""

from __future__ import annotations

import getpass
import tempfile
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input, Static

from acqs_core.action import Row, Status, call, raw
from acqs_core.control.wire import RowView
from acqs_core.engine import Engine
from acqs_core.queue.database import statement
from acqs_core.settings import ControlSettings, Settings
from acqs_tui.app import Console
from acqs_tui.rows import RowRecord
from acqs_tui.screens.confirm import ConfirmScreen, ReportScreen, Tick, is_doubtful
from acqs_tui.screens.leaving import QuitScreen
from acqs_tui.screens.pausing import PauseScreen, ResumeScreen
from acqs_tui.strip import Followed
from tests.hosted import running
from tests.tui.driving import console_of, press, said, strip_of, text_of, until
from tests.tui.pictures import showing
from tests.tui.ways import UNKNOWN, row


async def waits(pilot: Pilot[int], engine: Engine, count: int) -> list[int]:
    """So many rows that wait, and are seen to."""
    engine.store.pause(actor="test")
    made = [engine.store.insert(raw("Ping", [f"X: {n}"]), actor="test") for n in range(count)]
    console = console_of(pilot)
    await until(pilot, lambda: set(made) <= console.queue_pane.lines.window.records.keys())
    await until(pilot, lambda: console.feed.status.get("paused") is True)
    return made


def status_of(engine: Engine, man_id: int) -> Status:
    return engine.store.by_ids([man_id])[0].status


async def test_the_queue_is_stopped_with_a_reason_and_the_panes_live_on(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    await press(pilot, "p")
    await until(pilot, lambda: isinstance(pilot.app.screen, PauseScreen) and pilot.app.focused is not None)
    man_id = engine.store.insert(raw("Ping", []), actor="test")
    await until(pilot, lambda: man_id in console.queue_pane.lines.window.records)
    assert isinstance(pilot.app.screen, PauseScreen), "a dialog never stops the panes"
    await press(pilot, *"works", "enter")
    await until(pilot, lambda: "the queue is stopped" in said(pilot))
    control = engine.store.control()
    assert (control.paused, control.actor, control.reason) == (True, getpass.getuser(), "works")
    await until(pilot, lambda: not console.deeds.can_pause() and console.deeds.can_resume())


async def test_what_is_stale_is_discarded_before_anything_goes_out(engine: Engine, pilot: Pilot[int]) -> None:
    made = await waits(pilot, engine, 3)
    await press(pilot, "u")
    await until(pilot, lambda: isinstance(pilot.app.screen, ResumeScreen) and pilot.app.focused is not None)
    await until(pilot, lambda: "3 rows have waited" in text_of(pilot, "#backlog"))
    await press(pilot, "0", "s")
    await until(pilot, lambda: "3 are discarded" in text_of(pilot, "#backlog"))
    await press(pilot, "enter", "2", "enter")
    await until(pilot, lambda: "type 3" in text_of(pilot, "#error"))
    assert engine.store.control().paused
    await press(pilot, "backspace", "3", "enter")
    await until(pilot, lambda: "3 stale rows were discarded" in said(pilot))
    assert [status_of(engine, man_id) for man_id in made] == [Status.DEAD] * 3
    assert not engine.store.control().paused
    events = [(entry.event, entry.actor) for entry in engine.store.timeline(made[0]).journal]
    assert ("discarded", getpass.getuser()) in events
    assert not any(event == "sent" for event, _ in events)


async def test_an_open_resume_counts_what_comes_and_keeps_to_the_count_of_what_is_discarded(
    engine: Engine, pilot: Pilot[int]
) -> None:
    (first,) = await waits(pilot, engine, 1)
    older = statement("UPDATE vicidial_manager SET entry_date = datetime('now', 'localtime', '-100 seconds')")
    engine.store.db.run(lambda connection: connection.execute(older))
    await press(pilot, "u")
    await until(pilot, lambda: isinstance(pilot.app.screen, ResumeScreen) and pilot.app.focused is not None)
    await press(pilot, "5", "0")
    await until(pilot, lambda: "1 are discarded" in text_of(pilot, "#backlog"))
    later = engine.store.insert(raw("Ping", []), actor="test")
    await until(pilot, lambda: "2 rows have waited" in text_of(pilot, "#backlog"))
    assert "1 are discarded (NEW → DEAD), then 1 go out" in text_of(pilot, "#backlog")
    await press(pilot, "enter")
    await until(pilot, lambda: "1 stale rows were discarded" in said(pilot))
    assert status_of(engine, first) is Status.DEAD
    assert engine.store.timeline(later).outcome is None
    told = engine.store.timeline(first).outcome
    assert told is not None
    assert told.message.startswith(f"discarded by {getpass.getuser()}: older than 50 s (resume ")
    followed = Followed(first)
    followed.see(RowRecord(RowView(engine.store.by_ids([first])[0], told.outcome, None, told.message), 0.0))
    assert followed.drawn().plain.count("discarded") == 1


async def test_leaving_resume_leaves_the_queue_stopped(engine: Engine, pilot: Pilot[int]) -> None:
    (man_id,) = await waits(pilot, engine, 1)
    await press(pilot, "u")
    await until(pilot, lambda: isinstance(pilot.app.screen, ResumeScreen) and pilot.app.focused is not None)
    await press(pilot, "escape")
    await until(pilot, lambda: not isinstance(pilot.app.screen, ResumeScreen))
    assert engine.store.control().paused
    assert status_of(engine, man_id) is Status.NEW


async def test_marked_rows_are_discarded_once_their_count_is_typed(engine: Engine, pilot: Pilot[int]) -> None:
    made = await waits(pilot, engine, 3)
    await press(pilot, "home", "space", "space", "d")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen) and pilot.app.focused is not None)
    shown = text_of(pilot, "#rows")
    assert "NEW → ✕ DEAD" in shown
    assert str(made[2]) not in shown.split()
    await press(pilot, "enter")
    assert isinstance(pilot.app.screen, ConfirmScreen)
    await press(pilot, "2", "enter")
    await until(pilot, lambda: "2 of 2 rows discarded" in said(pilot))
    assert [status_of(engine, man_id) for man_id in made] == [Status.DEAD, Status.DEAD, Status.NEW]
    assert console_of(pilot).queue_pane.lines.marked == set()


async def test_a_bulk_deed_can_be_stopped_between_two_rows(engine: Engine, pilot: Pilot[int]) -> None:
    made = await waits(pilot, engine, 40)
    lines = console_of(pilot).queue_pane.lines
    lines.marked |= set(made)
    await press(pilot, "d")
    await until(pilot, lambda: isinstance(pilot.app.focused, Input))
    await press(pilot, "4", "0", "enter")
    await until(pilot, lambda: "of 40" in strip_of(pilot) and len(pilot.app.screen_stack) == 1)
    await press(pilot, "escape")
    await until(pilot, lambda: "stopped, the rest was not touched" in said(pilot))
    ended = [man_id for man_id in made if status_of(engine, man_id) is Status.DEAD]
    assert ended == made[: len(ended)]
    assert len(ended) < 40


async def test_a_row_that_changed_meanwhile_is_refused_and_said_so(engine: Engine, pilot: Pilot[int]) -> None:
    made = await waits(pilot, engine, 2)
    await press(pilot, "home", "space", "space", "d")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen) and pilot.app.focused is not None)
    engine.store.discard(made[0], actor="another")
    await press(pilot, "2", "enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, ReportScreen))

    def shown() -> str:
        return "\n".join(str(one.render()) for one in pilot.app.screen.query(Static))

    await until(pilot, lambda: f"action {made[0]} is DEAD by now, it was NEW" in shown())
    assert "1 of 2 rows discarded, 1 refused" in shown()
    await press(pilot, "escape")
    await until(pilot, lambda: not isinstance(pilot.app.screen, ReportScreen))


async def test_a_retry_inserts_a_copy_and_follows_it(engine: Engine, pilot: Pilot[int]) -> None:
    console = console_of(pilot)
    man_id = await engine.insert(call("PJSIP/busy", exten="610"), actor="test")
    records = console.queue_pane.lines.window.records
    await until(pilot, lambda: man_id in records and records[man_id].status is Status.DEAD)
    await press(pilot, "t")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen) and pilot.app.focused is not None)
    assert "a NEW copy" in text_of(pilot, "#rows")
    await press(pilot, "enter")
    await until(pilot, lambda: f"row {man_id + 1} " in strip_of(pilot) and "busy" in strip_of(pilot))
    await until(pilot, lambda: "its copy is row" in said(pilot))
    await press(pilot, "escape")
    assert not console.strip.has_class("-open")
    console.frame()
    assert not console.strip.has_class("-open"), "it stays away"


async def test_what_may_call_twice_needs_a_tick(engine: Engine, pilot: Pilot[int]) -> None:
    man_id = await engine.insert(call("PJSIP/busy", exten="610"), actor="test")
    records = console_of(pilot).queue_pane.lines.window.records
    await until(pilot, lambda: man_id in records and records[man_id].status is Status.DEAD)
    await console_of(pilot).feed.ask("retry", man_id=man_id)
    for keys, answer in ((("enter",), "was retried before"), (("space", "enter"), "its copy is row")):
        await press(pilot, "home", "t")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen) and pilot.app.focused is not None)
        await press(pilot, *keys)
        await until(pilot, lambda: answer in said(pilot))  # noqa: B023


async def test_space_ticks_an_unknown_outcome_and_enter_retries_it() -> None:
    async with showing((80, 24)) as pilot:
        await row(UNKNOWN, "t")(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, ConfirmScreen)
        tick = screen.query_one(Tick)
        assert pilot.app.focused is tick
        assert tick.BUTTON_INNER == " "
        await press(pilot, "enter")
        await until(pilot, lambda: "tick that it may call twice" in text_of(pilot, "#error"))
        assert not tick.value, "Enter is no tick"
        await press(pilot, "space")
        await until(pilot, lambda: tick.BUTTON_INNER == "✓" and "may call twice" in text_of(pilot, "#rows"))
        assert "Space" in text_of(pilot, ".keys")
        await press(pilot, "enter")
        await until(pilot, lambda: "not retried: a script cannot retry" in said(pilot))


def test_an_unknown_outcome_is_left_alone_unless_it_is_ticked() -> None:
    sent = RowRecord(RowView(Row(7, "Originate", "", (), Status.SENT)), 0.0)
    new = RowRecord(RowView(Row(8, "Originate", "", (), Status.NEW)), 0.0)
    assert (is_doubtful("retry", sent), is_doubtful("retry", new), is_doubtful("discard", sent)) == (True, False, False)


async def test_a_caller_id_of_markup_is_only_text(engine: Engine, pilot: Pilot[int]) -> None:
    engine.store.pause(actor="test")
    man_id = engine.store.insert(raw("Ping", [], callerid="[red]\x1b[31m"), actor="test")
    console = console_of(pilot)
    await until(pilot, lambda: man_id in console.queue_pane.lines.window.records)
    await press(pilot, "d")
    await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen) and pilot.app.focused is not None)
    assert "[red]\\x1b[31m" in text_of(pilot, "#rows")


async def test_a_read_only_console_has_no_deeds(engine: Engine) -> None:
    settings = Settings(control=ControlSettings(folder=engine.settings.control.folder))
    console = Console(settings, read_only=True)
    async with console.run_test() as pilot:
        await until(pilot, lambda: bool(console.feed.status))
        for key in ("i", "p", "u", "t", "d"):
            await press(pilot, key)
            assert len(console.screen_stack) == 1
        await console.feed.close()


async def test_an_engine_that_is_gone_is_said_to_be_and_attached_to_when_it_is_back() -> None:
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        settings = Settings(control=ControlSettings(folder=folder))
        console = Console(settings)
        async with running(Settings(), Path(folder)) as engine:
            pilots = console.run_test(size=(160, 48), notifications=True)
            pilot = await pilots.__aenter__()
            await until(pilot, lambda: bool(console.feed.status))
            man_id = await engine.insert(raw("Ping", []), actor="test")
            await until(pilot, lambda: man_id in console.queue_pane.lines.window.records)
        await until(pilot, lambda: not console.feed.connected)
        await until(pilot, lambda: "press a" in str(console.status_bar.render()))
        assert man_id in console.queue_pane.lines.window.records, "what was known stays readable"
        assert not console.deeds.can_inject()
        async with running(Settings(), Path(folder)):
            await press(pilot, "a")
            await until(pilot, lambda: console.feed.connected)
            await until(pilot, lambda: "attached to the engine" in said(pilot))
            await pilots.__aexit__(None, None, None)
            await console.feed.close()


async def test_leaving_an_engine_that_a_console_started_asks_and_can_stop_it(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="acqs-") as folder:
        async with running(Settings(), Path(folder), may_stop=True) as engine:
            console = Console(Settings(control=ControlSettings(folder=folder)))
            async with console.run_test(size=(80, 24)) as pilot:
                await until(pilot, lambda: bool(console.feed.status))
                await press(pilot, "q")
                await until(pilot, lambda: isinstance(pilot.app.screen, QuitScreen))
                await press(pilot, "escape")
                await until(pilot, lambda: not isinstance(pilot.app.screen, QuitScreen))
                assert not engine.stopping.is_set()
                await press(pilot, "q")
                await until(pilot, lambda: isinstance(pilot.app.screen, QuitScreen))
                await press(pilot, "s")
                await until(pilot, lambda: engine.stopping.is_set())
                await until(pilot, lambda: console._exit)
            assert console.return_value == 0


async def test_a_console_that_is_only_attached_just_leaves(engine: Engine, pilot: Pilot[int]) -> None:
    await press(pilot, "q")
    await until(pilot, lambda: pilot.app._exit)
    assert not engine.stopping.is_set()
