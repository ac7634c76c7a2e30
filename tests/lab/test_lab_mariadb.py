"""The lab's MariaDB is what the queue's promises are measured on: durable, non-strict unless asked, and killable."""

from __future__ import annotations

import socket
import subprocess

import pytest

from tests.lab.mariadb import STRICT, MariaDB

TABLE = "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(20))"


def test_a_committed_row_outlives_a_crash_of_the_server(mariadb_server: MariaDB) -> None:
    database = mariadb_server.fresh_database()
    mariadb_server.client(f"{TABLE}; INSERT INTO t (v) VALUES ('kept')", database)
    mariadb_server.kill()
    assert not mariadb_server.server.running
    mariadb_server.start()
    assert mariadb_server.client("SELECT v FROM t", database) == "kept\n"


def test_a_producers_empty_man_id_is_taken_as_vicidials_servers_take_it(mariadb_server: MariaDB) -> None:
    database = mariadb_server.fresh_database("latin1")
    assert mariadb_server.client(f"{TABLE}; INSERT INTO t VALUES ('', 'x'); SELECT * FROM t", database) == "1\tx\n"


def test_a_strict_server_refuses_an_empty_man_id(mariadb_server: MariaDB) -> None:
    with MariaDB(sql_mode=STRICT, engine="MyISAM") as strict:
        database = strict.fresh_database()
        with pytest.raises(subprocess.CalledProcessError) as refused:
            strict.client(f"{TABLE}; INSERT INTO t VALUES ('', 'x')", database)
        assert "Incorrect integer value" in refused.value.stderr
        assert strict.client("SELECT engine FROM information_schema.tables WHERE table_name = 't'") == "MyISAM\n"
    assert not strict.directory.exists()


def test_a_user_may_do_what_was_granted_and_no_more(mariadb_server: MariaDB) -> None:
    database = mariadb_server.fresh_database()
    mariadb_server.client(TABLE, database)
    mariadb_server.create_user("reader", f"GRANT SELECT ON `{database}`.* TO 'reader'@'127.0.0.1'")
    assert mariadb_server.client("SELECT COUNT(*) FROM t", database, user="reader") == "0\n"
    with pytest.raises(subprocess.CalledProcessError) as refused:
        mariadb_server.client("INSERT INTO t (v) VALUES ('x')", database, user="reader")
    assert "denied" in refused.value.stderr
    assert mariadb_server.url(database, "reader").startswith("mysql://reader:")


def test_root_has_no_way_in_by_tcp(mariadb_server: MariaDB) -> None:
    refused = subprocess.run(
        [
            "mariadb",
            "--no-defaults",
            "--protocol=tcp",
            "--host=127.0.0.1",
            "--user=root",
            f"--port={mariadb_server.port}",
            "--execute=SELECT 1",
        ],
        capture_output=True,
        text=True,
    )
    assert "Access denied" in refused.stderr


def test_a_frozen_server_takes_connections_and_says_nothing_until_it_is_thawed(mariadb_server: MariaDB) -> None:
    mariadb_server.freeze()
    try:
        with socket.create_connection(("127.0.0.1", mariadb_server.port), 5) as connection:
            connection.settimeout(0.3)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            mariadb_server.thaw()
            connection.settimeout(10)
            assert connection.recv(1)
    finally:
        mariadb_server.thaw()
