"""Each law of the model can be broken: a bug is planted in the store, the same scene is played with and without it, and
the model sees the one and not the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import pytest

from acqs_core.action import NewAction, Row, Status
from acqs_core.queue.store import Store
from acqs_core.queue.types import Control, Transition
from acqs_core.sender.delivery import Deliveries
from acqs_core.sender.unwritten import LATE_CLAIM, Unwritten
from tests.faults.model import laws
from tests.faults.model.box import Call, Verdict
from tests.faults.model.laws import Broken
from tests.faults.model.machine import ACTIONS
from tests.faults.model.world import World


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def insert(world: World, kind: str, callerid: str = "V1") -> int:
    return world.insert(NewAction(ACTIONS[kind][0], callerid, ACTIONS[kind][1]))


def go_on(world: World, name: str, until: Callable[[], bool], jobs: int = 200) -> None:
    """One job after the other, the laws looked at after each."""
    for _ in range(jobs):
        if until():
            return
        world.run(name, 1, idle=40)
        world.laws.hold()
    raise AssertionError("it never came to that")


def begin(world: World, name: str) -> None:
    engine = world.start(name).engine
    go_on(world, name, lambda: engine.sender is not None and engine.sender.asterisk_answers and engine.ready.is_set())


def waiting(world: World, name: str) -> list[str]:
    """What the program's threads would do next."""
    return [job.name for job in world.processes[name].threads.jobs]


def do(world: World, name: str, job: str) -> None:
    """This job and no other, as soon as the program comes to it."""
    process = world.processes[name]
    for _ in range(40):
        process.turn()
        if job in waiting(world, name):
            process.do(next(one for one in process.threads.jobs if one.name == job))
            process.turn()
            world.laws.hold()
            return
        world.pass_time(0.05)
    raise AssertionError(f"it never came to {job}, but to {waiting(world, name)}")


def take_over(world: World, by: str) -> None:
    world.expire_leases()
    begin(world, by)


def written(world: World, man_id: int) -> bool:
    return any(one.man_id == man_id for one in world.box.written)


def placed(world: World) -> Call:
    """A call that was taken, and whose answer did not come yet."""
    begin(world, "a")
    man_id = insert(world, "call")
    go_on(world, "a", lambda: written(world, man_id))
    world.box.decide(world.box.undecided[0], Verdict.TAKEN)
    return world.box.calls[0]


def rings(world: World, call: Call, reached: Status = Status.UPDATED) -> None:
    world.box.move(call, "Ringing", 0)
    for listener in world.box.listeners:
        while may := listener.may_be_told():
            listener.tell(may[0])
    for _ in range(10):
        world.run("a", 1)
        world.laws.hold()
    assert world.rows()[call.man_id].status is reached


# The scenes.


def a_holder_wakes_after_another_has_sent_its_row(world: World) -> None:
    begin(world, "a")
    man_id = insert(world, "ping")
    go_on(world, "a", lambda: world.rows()[man_id].status is Status.QUEUE)
    world.processes["a"].frozen = True
    take_over(world, "b")
    go_on(world, "b", lambda: written(world, man_id))
    world.processes["a"].frozen = False
    for _ in range(10):
        world.run("a", 1)
        world.laws.hold()


def a_session_ends_before_its_row_is_marked(world: World) -> None:
    begin(world, "a")
    man_id = insert(world, "ping")
    go_on(world, "a", lambda: world.rows()[man_id].status is Status.QUEUE)
    world.box.cut(world.box.sessions[0])
    go_on(world, "a", lambda: written(world, man_id))


def asterisk_is_away_long_after_the_take_over(world: World) -> None:
    begin(world, "a")
    long_after = world.now + LATE_CLAIM + 1.0
    go_on(world, "a", lambda: world.now > long_after, jobs=1000)
    world.box.up = False
    man_id = insert(world, "ping")
    go_on(world, "a", lambda: world.trouble != "")
    world.box.up = True
    go_on(world, "a", lambda: written(world, man_id))


def a_row_is_discarded_and_its_call_rings(world: World) -> None:
    call = placed(world)
    world.discard(call.man_id)
    rings(world, call, Status.DEAD)


def a_program_dies_before_the_answer(world: World) -> None:
    begin(world, "a")
    first, second = insert(world, "ping"), insert(world, "ping")
    go_on(world, "a", lambda: written(world, first))
    world.kill("a")
    take_over(world, "b")
    go_on(world, "b", lambda: written(world, second), jobs=600)


def a_call_rings(world: World) -> None:
    rings(world, placed(world))


def a_row_is_inserted_in_a_pause(world: World) -> None:
    begin(world, "a")
    world.store.pause(actor="op", reason="a test")
    insert(world, "ping")
    for _ in range(3):
        world.laws.hold()


def a_hangup_is_sent(world: World) -> None:
    begin(world, "a")
    man_id = insert(world, "hangup")
    go_on(world, "a", lambda: written(world, man_id))


def a_marking_fails_while_its_program_takes_over_anew(world: World) -> None:
    begin(world, "a")
    man_id = insert(world, "ping")
    go_on(world, "a", lambda: "mark_sent" in waiting(world, "a"))
    world.raw.execute("UPDATE acqs_lease SET token = token + 1, holder = '' WHERE role = 'sender'")
    world.pass_time(1.0)
    # The listener renews its own lease, too. The claim and the marking fail, as their token is an old one by now.
    for job in ("renew", "renew", "acquire", "release_queue", "claim", "mark_sent"):
        do(world, "a", job)
    world.processes["a"].let_look_out_end()
    world.processes["a"].turn()
    go_on(world, "a", lambda: written(world, man_id), jobs=400)


# The bugs.


def sends_without_looking(patch: pytest.MonkeyPatch) -> None:
    marked = Store.mark_sent
    patch.setattr(Store, "mark_sent", lambda self, man_id, token: marked(self, man_id, token) or True)


def deletes_what_goes_back(patch: pytest.MonkeyPatch) -> None:
    def requeue(self: Store, man_ids: Collection[int], token: int) -> None:
        for man_id in man_ids:
            _execute(self, "DELETE FROM vicidial_manager WHERE man_id = ?", man_id)

    patch.setattr(Store, "requeue", requeue)


def moves_whatever_the_status(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Store, transitions: Sequence[Transition]) -> None:
        for one in transitions:
            if one.status:
                _execute(self, "UPDATE vicidial_manager SET status = ? WHERE man_id = ?", one.status.value, one.man_id)

    patch.setattr(Store, "apply", apply)


def takes_back_what_was_sent(patch: pytest.MonkeyPatch) -> None:
    released = Store.release_queue

    def release(self: Store, token: int, keep: Collection[int] = ()) -> list[int]:
        _execute(self, "UPDATE vicidial_manager SET status = 'NEW' WHERE status = 'SENT' AND response = 'N'")
        return released(self, token, keep)

    patch.setattr(Store, "release_queue", release)


def forgets_who_waits_for_an_answer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Store, "unanswered_callerids", lambda self: list[Row]())


def ends_calls_that_ring(patch: pytest.MonkeyPatch) -> None:
    applied = Store.apply

    def apply(self: Store, transitions: Sequence[Transition]) -> None:
        applied(self, [dataclasses.replace(t, status=Status.DEAD if t.status else None) for t in transitions])

    patch.setattr(Store, "apply", apply)


def takes_all_for_answered(patch: pytest.MonkeyPatch) -> None:
    applied = Store.apply
    patch.setattr(Store, "apply", lambda self, ts: applied(self, [dataclasses.replace(t, answered=True) for t in ts]))


def sees_no_pause(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Store, "control", lambda self: Control(False))


def forgets_what_it_did_not_write(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Unwritten, "keep", lambda self, man_id, asked_by=None: None)


def trusts_what_it_took_over(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Deliveries, "doubt_claim", lambda self: None)


def fails_for_itself(patch: pytest.MonkeyPatch) -> None:
    def fail(self: Store, callerids: Collection[str]) -> set[str]:
        raise KeyError("a bug")

    patch.setattr(Store, "dead_callerids", fail)


def _execute(store: Store, sql: str, *values: Any) -> None:
    store.db.run(lambda connection: connection.exec_driver_sql(sql, values))


Plant = Callable[[pytest.MonkeyPatch], None]

CASES: list[tuple[Callable[[World], None], Plant, str]] = [
    (a_holder_wakes_after_another_has_sent_its_row, sends_without_looking, laws.ONCE),
    (a_session_ends_before_its_row_is_marked, deletes_what_goes_back, laws.KEPT),
    (a_row_is_discarded_and_its_call_rings, moves_whatever_the_status, laws.STEPS),
    (a_program_dies_before_the_answer, takes_back_what_was_sent, laws.UNWRITTEN),
    (a_program_dies_before_the_answer, forgets_who_waits_for_an_answer, laws.ORDER),
    (a_call_rings, ends_calls_that_ring, laws.ALIVE),
    (a_call_rings, takes_all_for_answered, laws.ANSWERED),
    (a_row_is_inserted_in_a_pause, sees_no_pause, laws.REASON),
    (asterisk_is_away_long_after_the_take_over, forgets_what_it_did_not_write, laws.REASON),
    (a_marking_fails_while_its_program_takes_over_anew, trusts_what_it_took_over, laws.REASON),
    (a_hangup_is_sent, fails_for_itself, laws.FORESEEN),
]


@pytest.mark.parametrize(("scene", "plant", "law"), CASES, ids=[plant.__name__ for _, plant, _ in CASES])
def test_a_law_is_seen_to_be_broken_by_a_planted_bug(
    world: World, monkeypatch: pytest.MonkeyPatch, scene: Callable[[World], None], plant: Plant, law: str
) -> None:
    plant(monkeypatch)
    with pytest.raises(Broken, match=law):
        scene(world)


@pytest.mark.parametrize("scene", dict.fromkeys(scene for scene, _, _ in CASES), ids=lambda scene: scene.__name__)
def test_the_laws_hold_in_the_same_scene_without_it(world: World, scene: Callable[[World], None]) -> None:
    scene(world)
