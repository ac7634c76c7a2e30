"""`db init` makes what is missing and alters nothing; `db check` says what is wrong; the two schemas are one."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from acqs_core.errors import SchemaMissing
from acqs_core.queue import check, schema
from acqs_core.queue.database import Database
from acqs_core.queue.lease import Leases
from acqs_core.queue.store import Store
from acqs_core.queue.tables import metadata
from acqs_core.queue.types import Finding, OutcomeRecord, Transition
from tests.contract.backend import SERVER_IP, Backend, hangup
from tests.lab.database import DatabaseServer

ALL = ["acqs_control", "acqs_journal", "acqs_lease", "acqs_outcome", "vicidial_manager"]
GRANTS = Path(schema.__file__).parents[2] / "sql" / "grants.sql"


@pytest.fixture
def empty(own_server: DatabaseServer) -> Iterator[Database]:
    database = Database(own_server.url(own_server.fresh_database()))
    yield database
    database.dispose()


def found(db: Database, level: str) -> dict[str, Finding]:
    return {finding.subject: finding for finding in schema.check(db, SERVER_IP) if finding.level == level}


def test_init_makes_all_tables_once(empty: Database, tmp_path: Path) -> None:
    for db in (empty, Database(f"sqlite:///{tmp_path / 'q'}")):
        assert sorted(schema.init(db)) == ALL
        assert schema.init(db) == []
        assert found(db, "error") == {}
    empty.dispose()


def test_init_leaves_a_table_that_is_there_as_it_is(own_server: DatabaseServer, empty: Database) -> None:
    empty.run(lambda connection: connection.execute(sa.text("CREATE TABLE acqs_control (mine INT)")).close())
    assert sorted(schema.init(empty)) == [name for name in ALL if name != "acqs_control"]
    errors = found(empty, "error")
    assert "lacks" in errors["acqs_control"].says
    assert "paused" in errors["acqs_control"].says


def test_the_client_takes_schema_sql_as_it_is_and_grants_after_it(own_server: DatabaseServer) -> None:
    name = own_server.fresh_database()
    text = (GRANTS.parent / "schema.sql").read_text()
    own_server.client(text, database=name)
    own_server.client(text, database=name)
    own_server.client(GRANTS.read_text(), database=name)
    tables = own_server.client("SHOW TABLES", database=name).split()
    assert sorted(tables) == ALL
    own_server.client("DROP USER 'acqs_producer'@'127.0.0.1'")


def test_schema_sql_and_the_tables_of_sqlite_are_equal(served: Backend) -> None:
    inspector = served.db.run(lambda connection: _reflected(connection))
    for name, table in metadata.tables.items():
        columns, indexes, key = inspector[name]
        assert [(c.name, c.nullable) for c in table.columns] == [(c["name"], c["nullable"]) for c in columns], name
        widths = {c["name"]: getattr(c["type"], "length", None) for c in columns}
        for column in table.columns:
            declared = getattr(column.type, "length", None)
            if isinstance(column.type, sa.String) and not isinstance(column.type, sa.Text | sa.Enum):
                assert widths[column.name] == declared, f"{name}.{column.name}"
        assert {(i.name, tuple(c.name for c in i.columns)) for i in table.indexes} == indexes, name
        assert [c.name for c in table.primary_key] == key, name


def _reflected(
    connection: sa.Connection,
) -> dict[str, tuple[list[dict[str, object]], set[tuple[str, tuple[str, ...]]], list[str]]]:
    inspector = sa.inspect(connection)
    return {
        name: (
            list(inspector.get_columns(name)),  # type: ignore[arg-type]
            {(str(i["name"]), tuple(str(c) for c in i["column_names"])) for i in inspector.get_indexes(name)},
            inspector.get_pk_constraint(name)["constrained_columns"],
        )
        for name in metadata.tables
    }


def test_the_wheel_carries_the_schema_where_the_package_looks_for_it() -> None:
    project = (GRANTS.parents[1] / "pyproject.toml").read_text()
    assert re.search(r'^"sql" = "acqs_core/sql"$', project, re.MULTILINE)
    assert len(schema.creates()) == len(ALL)


def test_a_missing_table_is_named_with_the_mend_and_found_once_it_is_made(empty: Database) -> None:
    store = Store(empty, SERVER_IP)
    with pytest.raises(SchemaMissing, match="acqs-core db init"):
        store.claim(1, 1)
    assert set(found(empty, "error")) >= set(ALL)
    schema.init(empty)
    assert store.claim(1, 1) == []


def test_check_finds_nothing_wrong_with_our_own_schema(served: Backend) -> None:
    findings = schema.check(served.db, SERVER_IP)
    assert [f for f in findings if f.level == "error"] == []
    assert {f.subject for f in findings if f.level == "ok"} >= {
        "server",
        "tables",
        "vicidial_manager",
        "index",
        "rights",
    }


@pytest.mark.parametrize("served", ["myisam"], indirect=True)
def test_check_says_what_vicidials_own_table_means(served: Backend) -> None:
    warnings = found(served.db, "warning")
    assert "power cut" in warnings["durability"].says
    assert "acqs_claim" in warnings["index"].mend
    assert found(served.db, "error") == {}
    served.sql(warnings["index"].mend)
    mended = Database(served.url)
    assert "index" not in found(mended, "warning"), "the mend that is named must mend it"
    assert mended.layout.in_order
    mended.dispose()


def test_check_explains_why_producers_fail_on_a_strict_server(served: Backend, own_server: DatabaseServer) -> None:
    positional = (
        f"INSERT INTO vicidial_manager VALUES('','',NOW(),'NEW','N','','','Hangup',''{', ' + repr('')}"
        + ",''" * 9
        + ")"
    )
    own_server.client(positional, database=served.db.shown.rpartition("/")[2])
    own_server.client("SET GLOBAL sql_mode = DEFAULT")
    try:
        with pytest.raises(subprocess.CalledProcessError) as refused:
            own_server.client(positional, database=served.db.shown.rpartition("/")[2])
        warning = found(served.db, "warning")["sql_mode"]
    finally:
        own_server.client("SET GLOBAL sql_mode = ''")
    assert "1366" in str(refused.value.stderr)
    assert "1366" in warning.says
    assert "sql_mode=''" in warning.mend


def test_check_names_rights_columns_indexes_and_a_server_ip_that_are_wrong(
    served: Backend, own_server: DatabaseServer
) -> None:
    name = served.db.shown.rpartition("/")[2]
    for statement in (
        "ALTER TABLE vicidial_manager ADD COLUMN extra INT",
        "ALTER TABLE vicidial_manager DROP KEY serverstat",
        "ALTER TABLE vicidial_manager DROP KEY callerid",
        "ALTER TABLE acqs_lease ENGINE=MyISAM",
        "ALTER TABLE acqs_journal DROP COLUMN detail",
    ):
        served.sql(statement)
    findings = schema.check(served.db, "a.name.longer.than.any.server_ip.of.this.table")
    errors = {(f.subject, f.says.split(":")[0]) for f in findings if f.level == "error"}
    assert errors == {
        ("vicidial_manager", "has extra besides"),
        ("index", "there is none on (server_ip, status)"),
        ("index", "there is none on callerid"),
        ("acqs_lease", "is MyISAM"),
        ("acqs_journal", "lacks detail"),
        (
            "server_ip",
            "'a.name.longer.than.any.server_ip.of.this.table' is wider than the column, no row can have it",
        ),
    }
    served.sql("ALTER TABLE vicidial_manager MODIFY COLUMN extra INT INVISIBLE")
    assert "vicidial_manager" not in found(served.db, "error")
    own_server.create_user("reader", f"GRANT SELECT ON {name}.* TO 'reader'@'127.0.0.1'")
    lacking = Database(own_server.url(name, user="reader"))
    says = [f.says for f in schema.check(lacking, SERVER_IP) if f.subject == "rights"]
    assert "our user has no UPDATE on vicidial_manager" in says
    assert "our user has no INSERT on acqs_lease" in says
    assert not any("SELECT" in said for said in says)
    lacking.dispose()


def test_grants_sql_gives_exactly_what_the_store_needs(served: Backend, own_server: DatabaseServer) -> None:
    name = served.db.shown.rpartition("/")[2]
    grants = re.findall(r"^GRANT .* TO 'acqs'.*;$", GRANTS.read_text(), re.MULTILINE)
    own_server.create_user("least", f"USE {name};" + "".join(grant.replace("'acqs'", "'least'") for grant in grants))
    db = Database(own_server.url(name, user="least"))
    assert [f.says for f in schema.check(db, SERVER_IP) if f.subject == "rights"] == ["our user may do what it must"]
    grant = Leases(db).acquire(SERVER_IP, "sender", "one", 60.0)
    assert grant is not None
    store = Store(db, SERVER_IP, serve_blank=True)
    first, second = store.insert_many([hangup("V1"), hangup()])
    store.claim(grant.token, 2)
    assert store.mark_sent(first, grant.token)
    store.apply([Transition(first, answered=True)])
    store.record([OutcomeRecord(first, message="fine")], [])
    store.discard(second, actor="ann")
    store.pause(actor="ann", reason="")
    store.retry(second, actor="ann")
    assert store.dead_callerids(["V1"]) == set()
    served.sql("UPDATE vicidial_manager SET entry_date = '2026-01-01'")
    served.sql("UPDATE acqs_outcome SET ended_at = '2026-01-01'")
    assert sum(store.purge(1.0)) == 2
    Leases(db).release(grant)
    db.dispose()


def test_check_tells_durability_from_the_servers_own_setting(served: Backend, own_server: DatabaseServer) -> None:
    own_server.client("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    assert "innodb_flush_log_at_trx_commit is 2" in found(served.db, "warning")["durability"].says
    own_server.client("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
    assert "durability" in found(served.db, "ok")


@pytest.mark.parametrize("served", ["myisam"], indirect=True)
@pytest.mark.parametrize(("recovers", "is_told"), [("BACKUP,QUICK", True), ("OFF", True), ("BACKUP,FORCE", False)])
def test_check_tells_of_a_table_that_a_crash_may_leave_corrupt(served: Backend, recovers: str, is_told: bool) -> None:
    variables = {"innodb_flush_log_at_trx_commit": "1", "myisam_recover_options": recovers}
    told = {finding.subject: finding for finding in check._durability(served.db, variables)}
    assert ("recovery" in told) is is_told
    if is_told:
        assert f"myisam_recover_options is {recovers}" in told["recovery"].says
        assert "REPAIR TABLE vicidial_manager" in told["recovery"].says


def test_check_tells_durability_from_a_binary_log_too(served: Backend, own_server: DatabaseServer) -> None:
    """MySQL has one unless told otherwise, MariaDB only when told to; without one sync_binlog means nothing."""
    has_one = own_server.client("SELECT @@log_bin").strip() == "1"
    before = own_server.client("SELECT @@GLOBAL.sync_binlog").strip()
    own_server.client("SET GLOBAL sync_binlog = 0")
    try:
        findings = found(served.db, "warning" if has_one else "ok")
    finally:
        own_server.client(f"SET GLOBAL sync_binlog = {before}")
    assert ("sync_binlog is 0" in findings["durability"].says) is has_one


def test_check_of_a_database_that_is_not_there_is_a_finding_without_the_secret() -> None:
    (finding,) = schema.check(Database("mysql://acqs:hunter2@127.0.0.1:1/asterisk"), SERVER_IP)
    assert (finding.level, finding.subject) == ("error", "connection")
    assert "hunter2" not in finding.says


def test_the_tested_columns_are_vicidials(served: Backend) -> None:
    assert tuple(column.name for column in metadata.tables["vicidial_manager"].columns) == check.COLUMNS
