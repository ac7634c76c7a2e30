"""What the versions of Asterisk differ in, from what each of them says first."""

from __future__ import annotations

import pytest

from acqs_core.ami.forms import Form
from tests.unit.test_ami_wire import TRACES

NAMES = (b"Newstate", b"Hangup")
EXPRESSION = [("", "^Event: (Hangup|Newstate)[[:cntrl:]]")]
BY_NAME = [("name(Hangup)", ""), ("name(Newstate)", "")]


def recorded(version: str) -> Form:
    """The form of a recorded server."""
    return Form.of_banner((TRACES / version / "ping.ami").read_bytes().partition(b"\r\n")[0].decode())


def test_asterisk_1_4_has_its_own_words_and_lacks_what_came_later() -> None:
    form = recorded("1.4.44")
    assert form.is_old
    assert form.channel_list == "Status"
    assert (form.knows_channel_id, form.says_booted, form.filters) == (False, False, False)
    assert form.event_filters(NAMES) == []


@pytest.mark.parametrize("version", ["16.28.0", "22.10.1"])
def test_todays_asterisks_have_todays_words(version: str) -> None:
    form = recorded(version)
    assert not form.is_old
    assert form.channel_list == "CoreShowChannels"
    assert form.knows_channel_id
    assert form.says_booted
    assert form.event_filters(NAMES) == EXPRESSION  # as long as nobody told its own version


def test_asterisk_13_has_todays_words() -> None:
    form = Form.of_banner("Asterisk Call Manager/2.10.6")
    assert (form.is_old, form.knows_channel_id, form.channel_list) == (False, True, "CoreShowChannels")
    assert not Form.of_banner("Asterisk Call Manager/2.1.0").knows_channel_id  # 12.0


@pytest.mark.parametrize(
    ("asterisk", "filters"),
    [
        ("22.10.1~dfsg+~cs6.16.60671435-2", BY_NAME),
        ("22.1.0", BY_NAME),
        ("22.0.0", EXPRESSION),
        ("18.26.0", BY_NAME),
        ("18.9-cert5", EXPRESSION),
        ("19.8.1", EXPRESSION),
        ("23.0.0", BY_NAME),
        ("16.28.0~dfsg-0+deb11u4", EXPRESSION),
        ("GIT-master-3f2a", EXPRESSION),
    ],
)
def test_a_filter_names_its_event_where_asterisk_can(asterisk: str, filters: list[tuple[str, str]]) -> None:
    assert Form((7, 0), asterisk).event_filters(NAMES) == filters


@pytest.mark.parametrize("banner", ["", "Asterisk Call Manager/", "Asterisk Call Manager/x.1"])
def test_a_banner_without_a_version_is_taken_for_the_least(banner: str) -> None:
    form = Form.of_banner(banner)
    assert (form.ami, form.version, form.knows_channel_id, form.filters_by_name) == ((), (), False, False)
