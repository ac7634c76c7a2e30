"""A run of the end-to-end tests is on the combination that was asked for, or does not begin."""

from __future__ import annotations

import pytest

from tests.integration.variant import Variant


def test_nothing_said_is_the_default_on_both_kinds_of_table() -> None:
    assert Variant.of({"PATH": "/bin"}) == Variant("22", "task", False, ("innodb", "myisam"))


def test_what_a_variant_says_is_read_back() -> None:
    said = Variant("16", "process", True, ("mysql",))
    assert Variant.of(said.environ()) == said
    assert Variant.of(Variant().environ()) == Variant()


@pytest.mark.parametrize("name", ["ASTERISK", "ISOLATION", "TLS", "DATABASE"])
def test_a_misspelt_value_is_refused_with_those_that_there_are(name: str) -> None:
    with pytest.raises(ValueError, match=rf"ACQS_STAND_{name}='mysqk': give one of"):
        Variant.of({f"ACQS_STAND_{name}": "mysqk"})
