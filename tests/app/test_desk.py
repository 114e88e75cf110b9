from __future__ import annotations

import threading
import time

import pytest

from styletransfer.app.desk import Desk
from styletransfer.app.limits import Limits
from styletransfer.errors import OptionError


def test_turns_come_in_order() -> None:
    desk = Desk(waiting=2)
    tickets = [desk.line_up() for _ in range(3)]
    assert [ticket.ahead for ticket in tickets] == [0, 1, 2]
    assert tickets[0].wait(0)
    assert not tickets[1].wait(0)
    tickets[1].leave()  # who waits may go
    assert [tickets[0].ahead, tickets[2].ahead] == [0, 1]
    tickets[0].leave()
    assert tickets[2].wait(0)


def test_a_full_line_says_so() -> None:
    desk = Desk(waiting=1)
    desk.line_up()
    waiting = desk.line_up()
    with pytest.raises(OptionError, match="1 more are waiting, which is as many as this app takes"):
        desk.line_up()
    waiting.leave()
    waiting.leave()  # twice does nothing
    assert desk.line_up().ahead == 1


def test_who_waits_is_woken() -> None:
    desk = Desk(waiting=5)
    first, second = desk.line_up(), desk.line_up()
    threading.Timer(0.05, first.leave).start()
    began = time.monotonic()
    assert second.wait(20)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("name", "value"),
    [("long_edge", 10), ("seconds", 0), ("waiting", 31), ("upload_megabytes", 0), ("kept_minutes", 1.5)],
)
def test_limits_have_bounds(name: str, value: float) -> None:
    with pytest.raises(OptionError, match=f"{name} must be a whole number"):
        Limits(**{name: value})  # type: ignore[arg-type]
