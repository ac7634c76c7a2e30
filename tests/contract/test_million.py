"""A claim costs the same on a million rows as on a hundred: the server's own handler counters say so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from acqs_core.action import Status
from acqs_core.queue import schema
from acqs_core.queue.database import Database
from acqs_core.queue.store import Store
from tests.contract.backend import SERVER_IP, Backend
from tests.contract.conftest import make
from tests.lab.database import DatabaseServer

MILLION = 1_000_000
NEW = MILLION // 20
BATCH = 50
GUARDS = 8
"""Reads of one row besides the batch's: lease and control for each lane's UPDATE, and the ends of ranges."""

OPENING = 50
"""What the server reads of its own statistics tables when a table is opened, once."""

ROWS = f"""
    INSERT INTO vicidial_manager
        (uniqueid, entry_date, status, response, server_ip, channel, action, callerid, cmd_line_b)
    WITH digit AS ({" UNION ALL ".join(f"SELECT {number} AS d" for number in range(10))}),
    seq AS (
        SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * d.d + 10000 * e.d + 100000 * f.d AS seq
        FROM digit a, digit b, digit c, digit d, digit e, digit f
    )
    SELECT '', NOW(), IF(seq > {MILLION - NEW}, 'NEW', IF(seq % 10 = 1, 'SENT', 'DEAD')), 'N',
        IF(seq <= {MILLION - NEW} AND seq % 3 = 0, '10.0.0.2', IF(seq % 2500 = 0, '', '{SERVER_IP}')),
        '', 'Hangup', '', 'Channel: PJSIP/100-00000001'
    FROM seq ORDER BY seq;
    ANALYZE TABLE vicidial_manager;
"""
"""The newest 5 % are NEW, as in a backlog; 20 of them are blank. Of the older ones a third is another server's."""


@dataclasses.dataclass
class Counted:
    """A store on one single connection, so that the session's counters are those of its statements."""

    db: Database
    token: int

    def __post_init__(self) -> None:
        self.db.layout.fit("channel", "")  # read once in a program's life, not by each claim

    def store(self, *, serve_blank: bool = False) -> Store:
        return Store(self.db, SERVER_IP, serve_blank=serve_blank)

    def reads(self, work: Callable[[], object]) -> int:
        """Rows that the server's handlers read for `work`, without what reading the counters costs itself."""
        cost = -self._total() + self._total()
        before = self._total()
        work()
        return self._total() - before - cost

    def _total(self) -> int:
        return sum(int(value) for _, value in self.db.records(sa.text("SHOW SESSION STATUS LIKE 'Handler_read%'"), {}))


@pytest.fixture(scope="module", params=["innodb-rr", "myisam"])
def million(request: pytest.FixtureRequest, own_server: DatabaseServer) -> Iterator[Backend]:
    """A table of a million rows: our own, and VICIdial's with VICIdial's indexes on MyISAM."""
    backend = make(request.param, own_server)
    database = backend.url.rpartition("/")[2]
    schema.init(backend.db)
    own_server.client(ROWS, database=database)
    yield backend
    backend.close()
    own_server.client(f"DROP DATABASE {database}")


@pytest.fixture
def counted(million: Backend) -> Iterator[Counted]:
    db = Database(million.url, pool_size=1)
    yield Counted(db, million.grant().token)
    db.dispose()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("serve_blank", [False, True])
def test_a_claim_examines_at_most_twice_its_batch(counted: Counted, serve_blank: bool) -> None:
    store = counted.store(serve_blank=serve_blank)
    # The first claim of a program may have to look where the backlog begins.
    first = counted.reads(lambda: store.claim(counted.token, BATCH))
    assert first <= NEW + 4 * BATCH
    examined = [counted.reads(lambda: store.claim(counted.token, BATCH)) for _ in range(10)]
    assert max(examined) <= 2 * BATCH + GUARDS
    assert store.counts(cap=2000)[Status.QUEUE] >= 11 * BATCH
    if counted.db.layout.in_order:
        assert first <= 2 * BATCH + GUARDS + OPENING


def test_nothing_new_is_found_at_the_price_of_the_guards(million: Backend, counted: Counted) -> None:
    idle = Store(counted.db, "10.0.0.9", serve_blank=False)
    token = million.grant("10.0.0.9").token
    assert counted.reads(lambda: idle.claim(token, BATCH)) <= GUARDS


def test_sent_reads_its_row_and_its_guards(counted: Counted) -> None:
    store = counted.store()
    man_id = store.claim(counted.token, 1)[0].man_id
    assert counted.reads(lambda: store.mark_sent(man_id, counted.token)) <= GUARDS


def test_screens_read_no_more_than_they_show(counted: Counted) -> None:
    store = counted.store(serve_blank=True)
    assert counted.reads(lambda: store.counts(cap=1000)) <= 10 * 1001 + GUARDS
    page = store.page(limit=50)
    assert counted.reads(lambda: store.page(limit=50, before=page.next_before)) <= 20 * 51 + GUARDS
    assert store.counts(cap=1000)[Status.DEAD] == 1001


@pytest.mark.timeout(300)
def test_the_claim_index_that_check_recommends_makes_even_the_first_claim_cheap(
    million: Backend, counted: Counted
) -> None:
    for finding in schema.check(million.db, SERVER_IP):
        if finding.subject == "index" and finding.level == "warning":
            assert million.server is not None
            million.server.client(finding.mend, database=million.url.rpartition("/")[2])
    fresh = Counted(Database(million.url, pool_size=1), counted.token)
    assert fresh.db.layout.in_order
    store = fresh.store(serve_blank=True)
    assert fresh.reads(lambda: store.claim(fresh.token, BATCH)) <= 2 * BATCH + GUARDS + OPENING
    fresh.db.dispose()
