"""Which combination of real parts the end-to-end tests run on, read from the environment in this one place.

A plain `pytest` runs them on the default; `python -m tests.matrix` runs the same cases once for every combination, and
a person runs one of them by hand: `ACQS_ALL=1 ACQS_STAND_ASTERISK=16 ACQS_STAND_TLS=1 pytest tests/integration`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, Self, cast, get_args

Asterisk = Literal["22", "16"]
Isolation = Literal["task", "process"]
Kind = Literal["innodb", "myisam", "mysql"]
"""A table: our own InnoDB or VICIdial's MyISAM on MariaDB, or our own InnoDB on MySQL."""

_PREFIX = "ACQS_STAND_"


@dataclasses.dataclass(frozen=True, slots=True)
class Variant:
    """One combination: Asterisk's version, where child sessions run, what the wire is, and the kinds of table."""

    asterisk: Asterisk = "22"
    isolation: Isolation = "task"
    tls: bool = False
    kinds: tuple[Kind, ...] = ("innodb", "myisam")

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """`ACQS_STAND_ASTERISK` (22, 16), `_ISOLATION` (task, process), `_TLS` (0, 1) and `_DATABASE` (innodb, myisam,
        mysql). Raises ValueError for any other value, so that a misspelt run cannot pass as the one that was meant."""
        default = cls()
        kind = _one_of(environ, "DATABASE", (*get_args(Kind), ""), "")
        return cls(
            asterisk=cast(Asterisk, _one_of(environ, "ASTERISK", get_args(Asterisk), default.asterisk)),
            isolation=cast(Isolation, _one_of(environ, "ISOLATION", get_args(Isolation), default.isolation)),
            tls=_one_of(environ, "TLS", ("0", "1"), "0") == "1",
            kinds=(cast(Kind, kind),) if kind else default.kinds,
        )

    def environ(self) -> dict[str, str]:
        """The variables that say this; `of` reads them."""
        told = {"ASTERISK": self.asterisk, "ISOLATION": self.isolation, "TLS": str(int(self.tls))}
        if len(self.kinds) == 1:
            told["DATABASE"] = self.kinds[0]
        return {f"{_PREFIX}{name}": value for name, value in told.items()}


def _one_of(environ: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = environ.get(f"{_PREFIX}{name}", default)
    if value not in allowed:
        raise ValueError(f"{_PREFIX}{name}={value!r}: give one of {', '.join(filter(None, allowed))}")
    return value
