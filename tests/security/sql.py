"""Reads the source of acqs_core for SQL that is put together from values.

Statements are made from pieces: names of tables, spellings of a dialect, guards. What must never be among the pieces is
a value. So every text that is put together and reads as SQL is followed back, name by name: constants and calls of our
own helpers are fine, a parameter is fine when it is no text or when every call in the package gives it a fixed one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import NamedTuple

WORDS = re.compile(
    r"\b(SELECT|INTO|UPDATE|DELETE|REPLACE|FROM|WHERE|VALUES|SET|LIMIT|INTERVAL|SHOW|PRAGMA|KILL|JOIN|UNION)\b"
)
"""A text with one of these, so written, is taken for SQL; a message that is, by mistake, is followed as well."""

HARMLESS = frozenset(("int", "bool", "float", "Dialect", "Database", "Layout", "Status", "Outcome", "Status | None"))
"""Annotations of parameters that cannot carry a text from outside."""

NUMBERS = frozenset(("int", "len", "bool", "float"))

HELPERS: dict[str, dict[int, str]] = {
    "utc_in": {0: "micros"}, "local_in": {0: "micros"}, "local_age": {0: "column"}, "utc_age": {0: "column"},
    "incoming": {0: "column"}, "on_conflict": {0: "key"}, "force": {0: "index"},
    "_newest": {4: "only"}, "_newest_sent": {0: "only"}, "_new_rows": {1: "source", 2: "order"},
    "_rights": {1: "tables"}, "_as_it_is": {0: "column"}, "told": {0: "column", 1: "empty"},
}  # fmt: skip
"""Functions that make statements or pieces of them out of these parameters, by their places: their calls are judged."""

CHOOSERS = frozenset(("_source",))
"""Functions that answer with a piece of their own whatever they are asked. What they return is judged instead."""


class Finding(NamedTuple):
    """A value in a statement's text."""

    place: str
    piece: str

    def __str__(self) -> str:
        return f"{self.place}: {self.piece} is put into SQL; bind it as a parameter"


def findings(source: str, module: str = "") -> Iterator[Finding]:
    """Every value that a text of SQL in this source is made of."""
    tree = ast.parse(source)
    texts_of_init = _texts_kept(tree)
    for function, node in _within(tree, None):
        if isinstance(node, ast.Call) and _name_of(node.func) in HELPERS:
            judged = HELPERS[_name_of(node.func)]
            pieces = [value for place, value in enumerate(node.args) if place in judged]
            pieces += [keyword.value for keyword in node.keywords if keyword.arg in judged.values()]
        elif isinstance(node, ast.Return) and node.value is not None and function and function.name in CHOOSERS:
            pieces = [node.value]
        elif reads_as_sql(node):
            pieces = _pieces(node)
        else:
            continue
        for piece in pieces:
            if _carries(piece, function, texts_of_init, frozenset()):
                yield Finding(f"{module}:{node.lineno}", ast.unparse(piece))  # type: ignore[attr-defined]


def reads_as_sql(node: ast.AST) -> bool:
    """Whether this is a text with SQL in it that is put together: an f-string, `+`, `%`, `format` or `join`."""
    if isinstance(node, ast.JoinedStr):
        return _speaks(node) and any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return _speaks(node.left) or _speaks(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "join"):
        return _speaks(node.func.value) or any(_speaks(argument) for argument in node.args)
    return False


def _speaks(node: ast.expr) -> bool:
    texts = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return bool(WORDS.search(" ".join(texts)))


def _pieces(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.JoinedStr):
        return [part.value for part in node.values if isinstance(part, ast.FormattedValue)]
    if isinstance(node, ast.BinOp):
        return [side for side in (node.left, node.right) if not isinstance(side, ast.JoinedStr)]
    assert isinstance(node, ast.Call)
    return [*node.args, *(keyword.value for keyword in node.keywords)]


def _carries(piece: ast.expr, function: ast.FunctionDef | None, kept: frozenset[str], seen: frozenset[str]) -> bool:
    """Whether a text from outside the function may be in this piece."""
    if isinstance(piece, ast.Name):
        if function is None or piece.id in seen or piece.id == "self":
            return False
        if (argument := _argument(function, piece.id)) is not None:
            return not _is_harmless(function, argument)
        return any(_carries(value, function, kept, seen | {piece.id}) for value in _given(function, piece.id))
    if isinstance(piece, ast.Attribute):
        return piece.attr in kept or _carries(piece.value, function, kept, seen)
    if isinstance(piece, ast.Call):
        if _name_of(piece.func) in NUMBERS | CHOOSERS:
            return False
        whole = [*piece.args, *(keyword.value for keyword in piece.keywords)]
        whole += [piece.func.value] if isinstance(piece.func, ast.Attribute) else []
    elif isinstance(piece, ast.IfExp):
        whole = [piece.body, piece.orelse]
    elif isinstance(piece, ast.GeneratorExp | ast.ListComp):
        whole = [piece.elt]
    elif isinstance(piece, ast.JoinedStr):
        whole = [part.value for part in piece.values if isinstance(part, ast.FormattedValue)]
    elif isinstance(piece, ast.Compare):
        whole = []
    else:
        whole = [child for child in ast.iter_child_nodes(piece) if isinstance(child, ast.expr)]
    return any(_carries(part, function, kept, seen) for part in whole)


def _is_harmless(function: ast.FunctionDef, argument: ast.arg) -> bool:
    if argument.arg in HELPERS.get(function.name, {}).values():
        return True
    return argument.annotation is not None and ast.unparse(argument.annotation) in HARMLESS


def _argument(function: ast.FunctionDef, name: str) -> ast.arg | None:
    every = function.args
    given = (*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg)
    return next((one for one in given if one is not None and one.arg == name), None)


def _given(function: ast.FunctionDef, name: str) -> Iterator[ast.expr]:
    """What a local name is given anywhere in a function."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.For | ast.comprehension):
            targets, value = [node.target], node.iter
        elif isinstance(node, ast.NamedExpr | ast.AnnAssign | ast.AugAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        if isinstance(value, ast.Call) and _name_of(value.func) == "enumerate" and isinstance(targets[0], ast.Tuple):
            targets = targets[0].elts[1:]  # the first is a number
        names = (one for target in targets for one in ast.walk(target) if isinstance(one, ast.Name))
        if any(one.id == name and isinstance(one.ctx, ast.Store) for one in names):
            yield value


def _texts_kept(tree: ast.AST) -> frozenset[str]:
    """Attributes that are given a parameter as it came, which may be a text from outside."""
    kept = set()
    for function, node in _within(tree, None):
        if function is None or not isinstance(node, ast.Assign):
            continue
        pairs = [(one, value) for target in node.targets for one, value in _matched(target, node.value)]
        for target, value in pairs:
            if isinstance(target, ast.Attribute) and isinstance(value, ast.Name):
                argument = _argument(function, value.id)
                if argument is not None and not _is_harmless(function, argument):
                    kept.add(target.attr)
    return frozenset(kept)


def _matched(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value


def _name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _within(node: ast.AST, function: ast.FunctionDef | None) -> Iterator[tuple[ast.FunctionDef | None, ast.AST]]:
    """Every node with the function it is in."""
    for child in ast.iter_child_nodes(node):
        yield function, child
        yield from _within(child, child if isinstance(child, ast.FunctionDef) else function)
