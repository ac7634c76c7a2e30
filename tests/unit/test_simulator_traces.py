"""The simulator against every recorded stream of a real Asterisk 22.10.1: the same bytes sent, and what came back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from acqs_core.simulator import events
from acqs_core.simulator.channel import Channel
from tests.simulated.cases import CASES
from tests.simulated.compare import difference, disorder, in_full
from tests.simulated.replay import Played, play, play_all
from tests.simulated.streams import TRACES, Frame, Names, event, recorded, value


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest) -> dict[str, Played | BaseException]:
    """What every case that this run asks for has brought."""
    asked = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    return asyncio.run(play_all(case for name, case in CASES.items() if name in asked))


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_recorded_case_played_to_the_simulator_reads_as_from_a_real_asterisk(
    name: str, played: dict[str, Played | BaseException]
) -> None:
    case, found = CASES[name], played[name]
    if isinstance(found, BaseException):
        raise found
    if case.talk:
        assert in_full(found.frames, found.expected) == ""
    assert difference(found.frames, found.expected, case.apart) == ""
    for step, ours, theirs in found.sent:
        assert in_full(ours, theirs) == "", step


def test_no_recorded_case_is_forgotten() -> None:
    assert {path.name.partition(".")[0] for path in TRACES.glob("*.ami")} == set(CASES)


def _without(frames: list[Frame], at: int) -> list[Frame]:
    return [*frames[:at], *frames[at + 1 :]]


def _swapped(frames: list[Frame], at: int, other: int) -> list[Frame]:
    frames = list(frames)
    frames[at], frames[other] = frames[other], frames[at]
    return frames


def _changed(frames: list[Frame], at: int, frame: Frame) -> list[Frame]:
    return [*frames[:at], frame, *frames[at + 1 :]]


MUTATIONS: dict[str, Callable[[list[Frame], int], list[Frame]]] = {
    "a header is missing": lambda frames, at: _changed(frames, at, frames[at][:-1]),
    "a header more": lambda frames, at: _changed(frames, at, [*frames[at], ("More", "")]),
    "two headers are swapped": lambda frames, at: _changed(frames, at, [*frames[at][:-2], *frames[at][:-3:-1]]),
    "a value is another": lambda frames, at: _changed(frames, at, [*frames[at][:-1], (frames[at][-1][0], "0")]),
    "an event is missing": _without,
    "an event comes twice": lambda frames, at: [*frames[: at + 1], *frames[at:]],
    "a channel's events are swapped": lambda frames, at: _swapped(frames, at, _previous(frames, at)),
    "the banner is another": lambda frames, at: _changed(frames, 0, [("Banner", "Asterisk Call Manager/5.0.0")]),
    "a response is missing": lambda frames, at: _without(frames, 1),
    "a device's last state is not told": lambda frames, at: _without(frames, _last(frames, "DeviceStateChange")),
    "a dial begins before its channel is there": lambda frames, at: [
        frames[0], frames[_last(frames, "DialBegin")], *_without(frames, _last(frames, "DialBegin"))[1:]
    ],
    "a dial ends after its channel is gone": lambda frames, at: [
        *_without(frames, _last(frames, "DialEnd")), frames[_last(frames, "DialEnd")]
    ],
}  # fmt: skip


def _last(frames: list[Frame], name: str) -> int:
    return max(number for number, frame in enumerate(frames) if event(frame) == name)


def _previous(frames: list[Frame], at: int) -> int:
    about = value(frames[at], "Channel")
    return max(number for number in range(at) if value(frames[number], "Channel") == about)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_comparison_notices_when(mutation: str) -> None:
    case, names = CASES["sip_busy"], Names()
    frames = [names.canonical(frame) for frame in case.kept(recorded("sip_busy.ami"))]
    assert difference(frames, frames) == ""
    mutant = MUTATIONS[mutation](frames, _last(frames, "Hangup"))
    assert difference(mutant, frames) != ""


def test_no_recording_breaks_the_order_that_must_hold_between_channels() -> None:
    assert {path.name: disorder(recorded(path.name)) for path in TRACES.glob("*.ami")} == {
        path.name: [] for path in TRACES.glob("*.ami")
    }


async def test_a_simulator_that_forgets_one_header_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(ch: Channel) -> events.Event:
        return events.Event("Hangup", "call", ch.snapshot() + events.lines(("Cause", str(ch.cause))))

    monkeypatch.setattr(events, "hangup", forgetful)
    mutant = await play(CASES["originate_congestion_local"])
    found = difference(mutant.frames, mutant.expected)
    assert "-Event=Hangup" in found
    assert "Cause-txt=Circuit/channel congestion" in found
