"""Asking for changes: nothing is missed, whatever is changed while one asks, and in whichever second."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.providers.base import VendorEvent
from integrations.providers.errors import Refused
from integrations.providers.polling import OVERLAP, changes

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PAGE = 3


class Shop:
    """Orders with the second of their last change; a page is told in the order of ids."""

    def __init__(self, count):
        self.now = 1
        self.changed = dict.fromkeys(range(count), START)
        self.meanwhile = []

    def at(self, seconds):
        return START + timedelta(seconds=seconds)

    def touch(self, order):
        self.changed[order % 12] = self.at(self.now)

    def newest(self):
        return max(self.changed.values(), default=None)

    def page(self, since, place):
        after = int(place or -1)
        found = sorted(id for id, at in self.changed.items() if at >= since and id > after)
        told = [VendorEvent("order.updated", f"order:{id}", f"{id}:{self.changed[id]}") for id in found[:PAGE]]
        # Somebody works on while we read.
        for order in self.meanwhile[:1]:
            self.touch(order)
        del self.meanwhile[:1]
        return told, str(found[PAGE - 1]) if len(found) > PAGE else ""

    def ask(self, cursor):
        return changes(cursor, self.newest, self.page)


def test_the_first_question_tells_nothing_of_the_past():
    first = Shop(5).ask("")
    assert first.events == []
    assert first.cursor


def test_where_nothing_was_ever_changed_the_first_change_is_told():
    shop = Shop(0)
    cursor = shop.ask("").cursor
    shop.touch(1)
    assert [event.subject for event in shop.ask(cursor).events] == ["order:1"]


def test_what_was_changed_in_the_second_of_the_last_question_is_told():
    shop = Shop(2)
    cursor = shop.ask("").cursor
    shop.touch(6)
    cursor = shop.ask(cursor).cursor
    shop.touch(7)
    assert "order:7" in [event.subject for event in shop.ask(cursor).events]


def test_what_was_changed_before_the_first_question_is_never_told():
    shop, told = Shop(12), set()
    cursor = shop.ask("").cursor
    for order in range(6):
        shop.touch(order)
        for _ in range(4):
            answer = shop.ask(cursor)
            cursor, told = answer.cursor, told | {event.subject for event in answer.events}
    assert told == {f"order:{number}" for number in range(6)}


@pytest.mark.parametrize("cursor", ["x", "2026 2026", "2026-11-23T09:00:00+00:00", "2026-11-23T09:00:00+00:00 x 1 1"])
def test_what_is_no_place_is_stale(cursor):
    with pytest.raises(Refused) as caught:
        Shop(1).ask(cursor)
    assert caught.value.code == "stale_cursor"


def test_a_cursor_is_short_and_comes_to_rest():
    shop, cursor = Shop(12), ""
    for _ in range(20):
        before, cursor = cursor, shop.ask(cursor).cursor
        assert len(cursor) < 100
    assert cursor == before or shop.ask(shop.ask(cursor).cursor)


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("change"), st.integers(0, 11)),
            st.tuples(st.just("later"), st.sampled_from([0, 1, 59, int(OVERLAP.total_seconds()) + 5, 4000])),
            st.tuples(st.just("ask"), st.lists(st.integers(0, 11), max_size=2)),
        ),
        max_size=40,
    )
)
def test_nothing_is_missed(steps):
    shop = Shop(8)
    cursor, told, wanted = shop.ask("").cursor, set(), {}
    for what, value in steps:
        if what == "change":
            shop.touch(value)
            wanted[value] = shop.changed[value]
        elif what == "later":
            shop.now += value
        else:
            shop.meanwhile = list(value)
            answer = shop.ask(cursor)
            wanted |= {order: shop.changed[order] for order in value if order not in shop.meanwhile}
            cursor, told = answer.cursor, told | {event.dedupe_id for event in answer.events}
    shop.meanwhile = []
    for _ in range(30):
        answer = shop.ask(cursor)
        cursor, told = answer.cursor, told | {event.dedupe_id for event in answer.events}
    # What was changed again before it was read is told as it is then.
    assert {f"{order}:{shop.changed[order]}" for order in wanted} <= told
