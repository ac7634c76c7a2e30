"""SQL is made of fixed pieces, and values are bound: read in the source, and seen in what is executed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import acqs_core
from tests.security.sql import findings, reads_as_sql

QUEUE = Path(acqs_core.__file__).parent / "queue"

SOURCES = {path.name: path.read_text() for path in sorted(QUEUE.glob("*.py"))}
"""The one package that speaks SQL, which import-linter sees to."""


def test_no_statement_is_put_together_from_a_value() -> None:
    found = [str(one) for module, source in SOURCES.items() for one in findings(source, module)]
    assert found == []


def test_there_are_statements_to_be_judged() -> None:
    texts = sum(reads_as_sql(node) for source in SOURCES.values() for node in ast.walk(ast.parse(source)))
    assert texts > 50


@pytest.mark.parametrize(
    "body",
    [
        'run(f"SELECT 1 FROM t WHERE callerid = {callerid!r}")',
        'run("SELECT 1 FROM t WHERE callerid = \'%s\'" % callerid)',
        'run("SELECT 1 FROM t WHERE callerid = " + callerid)',
        'run("SELECT 1 FROM t WHERE callerid = {}".format(callerid))',
        'wanted = callerid.strip()\n    run(f"DELETE FROM t WHERE callerid = {wanted}")',
        'where = f"callerid = {callerid}"\n    run(f"UPDATE t SET a = 1 WHERE {where}")',
        'names = ", ".join(one for one in callerid)\n    run(f"SELECT 1 FROM t WHERE a IN ({names})")',
        'run(f"SELECT 1 FROM t WHERE a = {self._server_ip}")',
        'run(f"SELECT {words.local_age(callerid)} FROM t")',
        'self._newest(1, 2, 3, None, callerid)',
        'x: str = callerid\n    x += "y"\n    run(f"KILL {x}")',
    ],
)  # fmt: skip
def test_a_value_in_a_statement_is_found_by_whatever_way_it_came(body: str) -> None:
    kept = "class T:\n  def __init__(self, server_ip: str) -> None:\n    self._server_ip = server_ip\n"
    assert list(findings(f"{kept}  def find(self, callerid: str) -> None:\n    {body}\n"))


@pytest.mark.parametrize(
    "body",
    [
        'run(statement("SELECT 1 FROM t WHERE callerid = :callerid"), {"callerid": callerid})',
        'run(f"SELECT 1 FROM {TABLE} WHERE callerid = :callerid")',
        'most = len(callerid)\n    run(f"SELECT 1 FROM t LIMIT {most}")',
        'more = "AND a = :a" if callerid else ""\n    run(f"SELECT 1 FROM t WHERE b = 1 {more}")',
        'log.info(f"nobody answers to {callerid}")',
    ],
)  # fmt: skip
def test_fixed_pieces_are_no_finding(body: str) -> None:
    assert list(findings(f"def find(callerid: str) -> None:\n    {body}\n")) == []
