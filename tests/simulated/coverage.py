"""What of the recorded streams the simulator is held against, and what not and why: counted, not promised."""

from __future__ import annotations

import collections
import dataclasses

from tests.simulated.cases import ALWAYS_LEFT_OUT, CASES, Case
from tests.simulated.compare import RACY_FIELDS
from tests.simulated.streams import SHAPES, TRACES, recorded


@dataclasses.dataclass(frozen=True)
class Coverage:
    """Messages of the recordings of one version. `left_out` counts them by what they are left out for."""

    cases: int
    messages: int
    left_out: dict[str, int]
    forgotten: tuple[str, ...]
    """Recorded cases that no case plays."""


def count() -> Coverage:
    """Count every recorded message of a listening client and of the senders."""
    names = {path.name.partition(".")[0] for path in TRACES.glob("*.ami")}
    messages = 0
    left_out: collections.Counter[str] = collections.Counter()
    for path in TRACES.glob("*.ami"):
        case = CASES.get(path.name.partition(".")[0], Case(""))
        frames = recorded(path.name)[1:]
        messages += len(frames)
        left_out.update(filter(None, map(case.leaves_out, frames)))
    return Coverage(len(names), messages, dict(left_out), tuple(sorted(names - CASES.keys())))


def lines() -> list[str]:
    """The report, for a person."""
    found = count()
    rest = found.messages - sum(found.left_out.values())
    why = {name: one.why for case in CASES.values() for name, one in (ALWAYS_LEFT_OUT | case.left_out).items()}
    said = [f"{TRACES.name}: {found.cases} recorded cases, {found.messages} messages, of which {rest} are compared"]
    said += [f"  not compared: {number:3} {name} ({why[name]})" for name, number in sorted(found.left_out.items())]
    said += [f"  not compared: the whole case {name} (nothing plays it)" for name in found.forgotten]
    said.append(f"  by shape only: {', '.join(SHAPES)}; the times of a Dial(); ages in console output")
    said += [f"  not compared: {', '.join(sorted(fields))} of {name} (a race)" for name, fields in RACY_FIELDS.items()]
    for case in CASES.values():
        if case.machine_text:
            said.append(f"  {case.name}: not compared: the text of console commands (the machine's own)")
        said += [
            f"  {case.name}: not compared: the state in {name} and its place (a race)" for name in sorted(case.apart)
        ]
    return said
