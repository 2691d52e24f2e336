"""Asking for changes: nothing is missed, whatever is changed while one asks, and in whichever second."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.providers.base import VendorEvent
from integrations.providers.errors import Refused, RetryLater
from integrations.providers.polling import OVERLAP, Kind, changes, changes_of, cursor_at

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


def test_a_cursor_is_short_and_a_pass_ends():
    shop, cursor, ends = Shop(12), shop_begun(), []
    for _ in range(12):
        answer = shop.ask(cursor)
        cursor, ends = answer.cursor, [*ends, answer.is_all]
        assert len(cursor) < 100
    assert ends == [False, False, False, True] * 3


def test_a_pass_over_several_kinds_that_were_changed_together_ends():
    kinds = [Kind(shop.newest, shop.page) for shop in (Shop(2), Shop(2))]
    cursor, ends = shop_begun(), []
    for _ in range(6):
        answer = changes_of(cursor, kinds)
        cursor, ends = answer.cursor, [*ends, answer.is_all]
    assert ends == [False, True] * 3


def test_a_kind_of_which_only_the_newest_may_be_read_holds_up_no_other():
    def refuse(since, place):
        raise Refused("No.", code="refused")

    shop = Shop(2)
    kinds = [Kind(shop.newest, refuse), Kind(shop.newest, shop.page)]
    first = changes_of(shop_begun(), kinds)
    assert [event.subject for event in changes_of(first.cursor, kinds).events] == ["order:0", "order:1"]
    with pytest.raises(Refused):
        changes_of(shop_begun(), kinds[:1])


def test_one_who_begins_at_a_time_is_told_what_was_changed_from_then_on():
    shop = Shop(3)
    shop.now = 300
    shop.touch(1)
    told = shop.ask(cursor_at(shop.at(299)))
    assert ([event.subject for event in told.events], told.is_all) == (["order:1"], True)


def shop_begun():
    """Return the cursor of one who began before everything was changed."""
    return cursor_at(START - timedelta(days=1))


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


class House:
    """A shop whose orders and articles are asked for in turn."""

    def __init__(self):
        self.kinds = [Shop(4), Shop(0), Shop(8)]

    def ask(self, cursor):
        return changes_of(cursor, [Kind(shop.newest, shop.page) for shop in self.kinds])

    def touch(self, kind, order, seconds):
        self.kinds[kind].changed[order] = START + timedelta(seconds=seconds)


def whole_pass(house, cursor):
    told, answer = [], None
    while answer is None or answer.cursor.count(" ") > 2:
        answer = house.ask(cursor)
        cursor, told = answer.cursor, [*told, *(event.dedupe_id for event in answer.events)]
    return told, cursor


@given(
    changed=st.lists(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 7), st.integers(0, 200)), max_size=6), max_size=5
    )
)
def test_nothing_of_any_kind_is_missed(changed):
    house = House()
    _, cursor = whole_pass(house, "")
    now, told, wanted = 0, set(), set()
    for each in changed:
        now += 300
        for kind, order, ago in each:
            # Written a while ago, by what is committed only now.
            at = START + timedelta(seconds=max(1, now - min(ago, 115)))
            house.touch(kind, order, (at - START).total_seconds())
            wanted = {one for one in wanted if one[0] != (kind, order)} | {((kind, order), f"{order}:{at}")}
        house.touch(0, 0, now)
        found, cursor = whole_pass(house, cursor)
        told |= set(found)
        assert {id for _, id in wanted if not id.startswith("0:")} <= told


def test_a_kind_that_is_refused_is_left_out_and_others_are_told():
    def refused(*_):
        raise Refused(code="forbidden")

    shop = Shop(2)
    kinds = [Kind(refused, refused), Kind(shop.newest, shop.page)]
    cursor = changes_of("", kinds).cursor
    shop.touch(1)
    assert [event.subject for event in changes_of(cursor, kinds).events] == ["order:1"]
    with pytest.raises(Refused):
        changes_of("", [Kind(refused, refused)] * 2)


def test_a_kind_that_is_in_trouble_is_waited_for():
    def down():
        raise RetryLater("Down.")

    with pytest.raises(RetryLater):
        changes_of("", [Kind(down, Shop(0).page), Kind(Shop(1).newest, Shop(1).page)])


def test_a_kind_of_which_nothing_was_changed_is_not_read_again():
    quiet, busy = Shop(3), Shop(3)
    read = []

    def page(since, place):
        read.append(place)
        return quiet.page(since, place)

    kinds = [Kind(quiet.newest, page), Kind(busy.newest, busy.page)]
    cursor = changes_of("", kinds).cursor
    busy.touch(1)
    assert changes_of(cursor, kinds).events
    assert read == []


@pytest.mark.parametrize("place", ["9:", "x:", "-1:", ":"])
def test_a_place_of_a_kind_that_is_none_ends_the_pass(place):
    cursor = f"{START.isoformat()} {START.isoformat()} {START.isoformat()} {place}"
    assert changes_of(cursor, [Kind(Shop(1).newest, Shop(1).page)]).cursor.count(" ") == 2
