"""The steps, for hypothesis to choose from: each is one thing that may happen, at any moment, to anybody."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from acqs_core.action import NewAction
from tests.faults.model.box import Verdict
from tests.faults.model.process import Fault
from tests.faults.model.world import World

NAMES = ("a", "b")

ACTIONS = {
    "call": ("Originate", ("Channel: PJSIP/x", "Context: default", "Exten: 1", "Priority: 1")),
    "hangup": ("Hangup", ("Channel: PJSIP/x",)),
    "ping": ("Ping", ()),
    "invalid": ("Originate", ("Channel: PJSIP/x\nAction: Hangup",)),
}

names = st.sampled_from(NAMES)
numbers = st.integers(0, 3)
faults = st.builds(Fault, st.sampled_from(["before", "after"]), st.integers(1, 3), st.booleans())


class Machine(RuleBasedStateMachine):
    """Two programs, one table, one Asterisk."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.box = self.world.box
        self.pace = 0
        """Jobs that each program does between two steps, beside what the steps have it do."""
        self.prompt = False
        """Asterisk looks at an action of its own accord between two steps."""

    def teardown(self) -> None:
        """In the end all works again, and everything must come to its end."""
        try:
            self.world.laws.hold()
            self.world.heal()
            self.world.laws.hold()
        finally:
            self.world.close()

    @initialize(pace=st.integers(0, 8), prompt=st.sampled_from([True, True, False]))
    def an_engine_has_started(self, pace: int, prompt: bool) -> None:
        self.pace, self.prompt = pace, prompt
        self.world.start("a")
        self.world.run("a", 40)

    @invariant()
    def the_laws_hold(self) -> None:
        self.world.laws.hold()
        for name in list(self.world.processes) if self.pace else ():
            self.world.run(name, self.pace)
        if self.prompt and self.box.undecided:
            self.asterisk_looks_at_an_action(0, Verdict.TAKEN, says=True)

    # Producers and operators.

    @rule(kind=st.sampled_from(["call", "call", "hangup", "ping", "invalid"]),
          callerid=st.sampled_from(["", "V1", "V1", "V2"]), count=st.integers(1, 3))  # fmt: skip
    def a_producer_inserts(self, kind: str, callerid: str, count: int) -> None:
        action, lines = ACTIONS[kind]
        for _ in range(count if len(self.world.inserted) < 12 else 0):
            self.world.insert(NewAction(action, callerid, lines))

    @rule(on=st.sampled_from([False, False, True]))
    def an_operator_pauses_or_resumes(self, on: bool) -> None:
        if on:
            self.world.store.pause(actor="op", reason="a test")
        else:
            self.world.store.resume(actor="op")

    @precondition(lambda self: self.world.inserted)
    @rule(number=st.integers(0, 11), again=st.booleans())
    def an_operator_ends_a_row(self, number: int, again: bool) -> None:
        man_id = list(self.world.inserted)[number % len(self.world.inserted)]
        (self.world.retry if again else self.world.discard)(man_id)

    # Programs.

    @precondition(lambda self: self.world.processes)
    @rule(name=names, jobs=st.integers(1, 25), pick=numbers)
    def a_program_goes_on(self, name: str, jobs: int, pick: int) -> None:
        self.world.run(self._one(name), jobs, pick)

    @precondition(lambda self: self.world.processes)
    @rule(jobs=st.integers(10, 60), says=st.booleans())
    def all_goes_well_for_a_while(self, jobs: int, says: bool) -> None:
        for name in list(self.world.processes):
            self.world.run(name, jobs, idle=30)
        for one in self.box.undecided if says else ():
            self.box.decide(one, Verdict.TAKEN)
            self.box.say(one)

    @precondition(lambda self: self.world.processes)
    @rule(name=names, fault=faults, pick=numbers)
    def a_statement_is_cut(self, name: str, fault: Fault, pick: int) -> None:
        self.world.run(self._one(name), 2, pick, fault)

    @precondition(lambda self: len(self.world.processes) < len(NAMES))
    @rule(jobs=st.integers(0, 30))
    def a_program_starts(self, jobs: int) -> None:
        name = next(name for name in NAMES if name not in self.world.processes)
        self.world.start(name)
        self.world.run(name, jobs)

    @precondition(lambda self: self.world.processes)
    @rule(name=names)
    def a_program_is_killed(self, name: str) -> None:
        self.world.kill(self._one(name))

    @precondition(lambda self: self.world.processes)
    @rule(name=names)
    def a_program_is_stopped_or_wakes(self, name: str) -> None:
        process = self.world.processes[self._one(name)]
        process.frozen = not process.frozen

    @rule(seconds=st.sampled_from([0.05, 0.5, 1.0, 2.0, 4.0, 12.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)
        for process in self.world.processes.values():
            process.let_look_out_end()
            process.turn()

    @rule(jobs=st.integers(1, 12), seconds=st.sampled_from([0.0, 3.0, 12.0]))
    def the_database_is_away(self, jobs: int, seconds: float) -> None:
        self.world.database_up = False
        for name in list(self.world.processes):
            self.world.run(name, jobs)
        self.time_passes(seconds)
        self.world.database_up = True

    @precondition(lambda self: self.world.processes)
    @rule()
    def the_leases_expire(self) -> None:
        self.world.expire_leases()

    # Asterisk.

    @precondition(lambda self: self.box.undecided)
    @rule(number=numbers, verdict=st.sampled_from([Verdict.TAKEN] * 5 + list(Verdict)), says=st.booleans())
    def asterisk_looks_at_an_action(self, number: int, verdict: Verdict, says: bool) -> None:
        undecided = self.box.undecided
        one = undecided[number % len(undecided)]
        self.box.decide(one, verdict)
        if says:
            self.box.say(one)

    @precondition(lambda self: self.box.unsaid)
    @rule(number=numbers)
    def asterisk_answers(self, number: int) -> None:
        self.box.say(self.box.unsaid[number % len(self.box.unsaid)])

    @precondition(lambda self: self.box.sessions)
    @rule(number=numbers)
    def a_session_is_cut(self, number: int) -> None:
        self.box.cut(self.box.sessions[number % len(self.box.sessions)])

    @precondition(lambda self: any(call.lives for call in self.box.calls))
    @rule(number=numbers, to=st.sampled_from(["Ringing", "Up", "ended"]), cause=st.sampled_from([16, 17, 34]))
    def a_call_goes_on(self, number: int, to: str, cause: int) -> None:
        calls = [call for call in self.box.calls if call.lives]
        self.box.move(calls[number % len(calls)], to, cause)

    @precondition(lambda self: any(listener.untold for listener in self.box.listeners))
    @rule(number=numbers, count=st.integers(1, 6))
    def a_listener_hears(self, number: int, count: int) -> None:
        for listener in list(self.box.listeners):
            for _ in range(count):
                if may := listener.may_be_told():
                    listener.tell(may[number % len(may)])

    @precondition(lambda self: any(listener.told for listener in self.box.listeners))
    @rule(number=st.integers(0, 30))
    def a_listener_hears_again(self, number: int) -> None:
        for listener in self.box.listeners:
            if listener.told:
                listener.tell(listener.told[number % len(listener.told)])

    @precondition(lambda self: self.box.listeners)
    @rule()
    def the_listeners_are_cut(self) -> None:
        for listener in list(self.box.listeners):
            listener.abort()

    @precondition(lambda self: self.box.written)
    @rule(jobs=st.integers(0, 8), seconds=st.sampled_from([0.0, 1.0, 5.0]))
    def asterisk_is_restarted(self, jobs: int, seconds: float) -> None:
        self.box.restart()
        self.box.up = False
        for name in list(self.world.processes):
            self.world.run(name, jobs)
        self.time_passes(seconds)
        self.box.up = True

    def _one(self, name: str) -> str:
        return name if name in self.world.processes else next(iter(self.world.processes))
