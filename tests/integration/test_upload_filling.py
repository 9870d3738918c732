"""The outbox follows the marts: new figures, corrections with the old value kept, figures that are withdrawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from ingestion import warehouse as database
from ingestion.settings import Settings
from plugins.province import destinations, filling, news, outbox

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
KEY = ("S1", "province")
ITEM = "00-00-0000-023300-11"
FIRST, AFTER = date(2026, 11, 1), date(2026, 11, 21)


@pytest.fixture
def connection(warehouse: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A site with a destination since 1 November and a mart of the form that the outbox is filled from."""
    with database.connect("ingest") as one:
        one.execute(
            "insert into ledger.sites (site_code, name, credit_code, batch_id) values ('S1', '厂', '91530000123456789X', 0)"
        )
    with database.connect("transform") as one:
        one.execute("drop view if exists marts.upload_values cascade")
        one.execute(
            """create table marts.upload_values (site_code text, data_code text, destination text, stat_type smallint,
            stat_date timestamp, ends_at timestamptz, value numeric, convert_ratio numeric, input_type smallint,
            scope smallint, is_valid boolean, coverage numeric, is_manual boolean, is_closed boolean)"""
        )
    with database.connect("upload") as one:
        destinations_added(one)
        one.commit()
        yield one


def destinations_added(connection: psycopg.Connection[Any], name: str = "province") -> None:
    connection.execute(
        "insert into ops.upload_destinations (site_code, destination, profile, url, options, created_by)"
        """ values ('S1', %s, 'nhjc04', 'https://platform.example', '{"since": "2026-11-01"}', 'test')""",
        [name],
    )


@pytest.fixture
def put(connection: psycopg.Connection[Any]) -> Callable[..., None]:
    """Writes what the mart holds of one figure, or that it holds none."""

    def write(
        day: int, value: str | None, *, stat_type: int = 1, code: str = ITEM, destination: str = "*", **more: Any
    ) -> None:
        starts = datetime(2026, 11, day)
        ends = datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=16)
        with database.connect("transform") as one:
            one.execute(
                "delete from marts.upload_values where data_code = %s and stat_type = %s and stat_date = %s"
                " and destination = %s",
                [code, stat_type, starts, destination],
            )
            if value is not None:
                row = {
                    "site_code": "S1", "data_code": code, "destination": destination, "stat_type": stat_type,
                    "stat_date": starts, "ends_at": ends, "value": Decimal(value), "convert_ratio": None,
                    "input_type": 4, "scope": 1, "is_valid": True, "coverage": 1, "is_manual": False,
                    "is_closed": False, **more,
                }  # fmt: skip
                one.execute(
                    f"insert into marts.upload_values ({', '.join(row)}) values ({', '.join(['%s'] * len(row))})",
                    list(row.values()),
                )

    return write


@pytest.fixture
def fill(connection: psycopg.Connection[Any]) -> Callable[..., filling.Filled]:
    def do(now: datetime = NOW, **more: Any) -> filling.Filled:
        return filling.fill(connection, *KEY, FIRST, AFTER, now, **more)

    return do


def send(connection: psycopg.Connection[Any], *, is_acked: bool = True) -> list[outbox.Taken]:
    rows = outbox.take(connection, *KEY, 1000, NOW)
    if is_acked:
        outbox.acknowledge(connection, *KEY, rows, "0", NOW)
    connection.commit()
    return rows


def rows(connection: psycopg.Connection[Any], columns: str) -> list[Any]:
    return connection.execute(f"select {columns} from ops.upload_outbox order by stat_date, data_code").fetchall()


def kept(connection: psycopg.Connection[Any]) -> list[Any]:
    return connection.execute("select version, value, status from ops.upload_sent_values order by version").fetchall()


def test_filling_twice_is_filling_once(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(1, "100.5")
    put(2, "0")
    assert fill() == filling.Filled(2, 0, 0)
    assert fill() == filling.Filled(0, 0, 0)
    assert rows(connection, "value, status, origin, version") == [
        (Decimal("100.5"), 1, "scheduled", 1),
        (Decimal(0), 1, "scheduled", 1),
    ]


def test_a_period_that_has_not_ended_is_not_filled(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(20, "1")
    assert fill(datetime(2026, 11, 20, 15, 59, tzinfo=UTC)).filled == 0
    assert fill(datetime(2026, 11, 20, 16, 0, tzinfo=UTC)).filled == 1


def test_a_figure_that_changes_after_it_was_sent_is_a_correction_and_the_old_value_is_kept(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(1, "100")
    fill()
    send(connection)
    put(1, "101")
    assert fill() == filling.Filled(1, 1, 0)
    assert rows(connection, "value, status, origin, version, attempts, sent_at") == [
        (Decimal(101), 1, "correction", 2, 0, None)
    ]
    assert kept(connection) == [(1, Decimal(100), 2)]
    [row] = send(connection)
    assert (row.value, row.version) == (Decimal(101), 2)


def test_a_value_whose_acknowledgement_was_lost_is_kept_as_perhaps_sent(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(1, "100")
    fill()
    send(connection, is_acked=False)
    put(1, "101")
    fill()
    assert kept(connection) == [(1, Decimal(100), 1)]


def test_a_figure_that_changes_before_it_was_sent_is_no_correction(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(1, "100")
    fill()
    put(1, "101")
    assert fill() == filling.Filled(1, 0, 0)
    assert rows(connection, "value, origin, version") == [(Decimal(101), "scheduled", 1)]
    assert kept(connection) == []


def test_a_late_answer_for_an_earlier_version_settles_nothing(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(1, "100")
    fill()
    old = outbox.take(connection, *KEY, 10, NOW)
    connection.commit()
    put(1, "101")
    fill()
    outbox.acknowledge(connection, *KEY, old, "0", NOW)
    assert rows(connection, "value, status") == [(Decimal(101), 1)]


def test_a_figure_that_is_withdrawn_is_forgotten_or_sent_as_invalid(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    with database.connect("ingest") as one:
        one.execute(
            "insert into ledger.upload_items (site_code, data_code, scope, batch_id) values ('S1', %s, 1, 0)",
            [ITEM],
        )
    put(1, "100")
    put(2, "200")
    fill()
    [row] = outbox.take(connection, *KEY, 1, NOW)
    outbox.acknowledge(connection, *KEY, [row], "0", NOW)
    connection.commit()
    put(1, None)
    put(2, None)
    assert fill() == filling.Filled(1, 1, 1)
    # What the platform holds can't be taken back: it is told that it does not count.
    assert rows(connection, "value, is_valid, status, origin, version") == [(Decimal(100), False, 1, "correction", 2)]
    assert fill() == filling.Filled(0, 0, 0)
    put(1, "100")
    assert fill() == filling.Filled(1, 0, 0)
    assert rows(connection, "value, is_valid, origin") == [(Decimal(100), True, "correction")]


def test_what_is_written_for_one_destination_goes_before_what_is_for_all(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(1, "100")
    put(1, "1", destination="province")
    put(1, "2", destination="other")
    fill()
    assert rows(connection, "value") == [(Decimal(1),)]


def test_an_item_of_its_own_takes_the_place_of_the_one_for_all_also_where_it_has_no_figure(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(1, "100")
    put(2, "200")
    put(2, "2", destination="province")
    with database.connect("ingest") as one:
        one.execute(
            "insert into ledger.upload_items (site_code, data_code, destination, scope, batch_id)"
            " values ('S1', %s, 'province', 1, 0)",
            [ITEM],
        )
    assert fill() == filling.Filled(1)
    assert rows(connection, "value") == [(Decimal(2),)]


def test_values_travel_with_ten_decimals(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(1, "0.12345678914")
    fill()
    put(1, "0.12345678911")  # the same to ten decimals
    assert fill() == filling.Filled(0, 0, 0)
    assert rows(connection, "value") == [(Decimal("0.1234567891"),)]


def news_rows(connection: psycopg.Connection[Any]) -> Sequence[Any]:
    return connection.execute("select destination, starts_on, ends_on from ops.upload_news order by 1, 2").fetchall()


def computed(first: date | str, after: date | str, *, is_judged: bool = True) -> None:
    """A build has computed these days, and the gate over the marts has passed them."""
    with database.connect("transform") as one:
        one.execute(
            "insert into ops.unjudged (site_code, kind, code, starts_on, ends_on) values ('S1', 'flow', 'F', %s, %s)",
            [first, after],
        )
    if is_judged:
        judged()


def judged() -> None:
    with database.connect("transform") as one:
        one.execute("delete from ops.unjudged")


def test_builds_leave_news_for_every_destination(connection: psycopg.Connection[Any]) -> None:
    destinations_added(connection, "second")
    connection.commit()
    computed(date(2026, 11, 3), date(2026, 11, 5))
    assert news_rows(connection) == [
        ("province", date(2026, 11, 3), date(2026, 11, 5)),
        ("second", date(2026, 11, 3), date(2026, 11, 5)),
    ]


def test_realtime_figures_are_compared_where_a_build_computed_and_all_others_always(
    connection: psycopg.Connection[Any], put: Callable[..., None]
) -> None:
    destination = destinations.get(connection, "province")
    connection.commit()

    def fill() -> int:
        return news.fill(connection, destinations.get(connection, "province"), FIRST, AFTER, NOW).filled

    for day in (2, 3):
        put(day, "1", stat_type=0)
        put(day, "24")
    assert news.first_day(connection, destination) == FIRST
    assert fill() == 4  # never filled before: all of it
    for day in (2, 3):
        put(day, "2", stat_type=0)
        put(day, "48")
    assert fill() == 2  # nobody has computed anything: days only
    computed(date(2026, 11, 3), date(2026, 11, 4))
    assert fill() == 1
    assert news_rows(connection) == []
    assert [row[0] for row in rows(connection, "value") if row[0] in (1, 2)] == [Decimal(1), Decimal(2)]


def test_a_changed_list_of_items_compares_everything_anew(
    connection: psycopg.Connection[Any], put: Callable[..., None]
) -> None:
    put(2, "1", stat_type=0)
    assert news.fill(connection, destinations.get(connection, "province"), FIRST, AFTER, NOW).filled == 1
    put(2, "3", stat_type=0)
    with database.connect("ingest") as one:
        one.execute("update ledger.sites set name = '新厂' where site_code = 'S1'")
    assert news.fill(connection, destinations.get(connection, "province"), FIRST, AFTER, NOW).filled == 1


def test_news_that_came_while_filling_stay_for_the_next(
    connection: psycopg.Connection[Any], put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = filling.fill

    def slowly(*arguments: Any, **options: Any) -> filling.Filled:
        computed(date(2026, 11, 7), date(2026, 11, 8))
        monkeypatch.setattr(filling, "fill", real)
        return real(*arguments, **options)

    computed(date(2026, 11, 3), date(2026, 11, 4))
    monkeypatch.setattr(filling, "fill", slowly)
    news.fill(connection, destinations.get(connection, "province"), FIRST, AFTER, NOW)
    assert news_rows(connection) == [("province", date(2026, 11, 7), date(2026, 11, 8))]


@pytest.mark.parametrize("stat_type", [0, 1])
def test_nothing_leaves_before_the_gate_over_the_marts_has_passed_it(
    connection: psycopg.Connection[Any], put: Callable[..., None], stat_type: int
) -> None:
    def fill() -> filling.Filled:
        return news.fill(connection, destinations.get(connection, "province"), FIRST, AFTER, NOW)

    for day in (2, 5):
        put(day, "1", stat_type=stat_type)
    assert fill() == filling.Filled(2)
    send(connection)
    put(2, "2", stat_type=stat_type)
    put(5, None, stat_type=stat_type)
    put(8, "8", stat_type=stat_type)
    computed("-infinity", "infinity", is_judged=False)
    assert fill() == filling.Filled(held=2)
    assert rows(connection, "value, status") == [(Decimal(1), 2), (Decimal(1), 2)]
    judged()
    with database.connect("ingest") as one:
        one.execute(
            "insert into ledger.upload_items (site_code, data_code, scope, batch_id) values ('S1', %s, 1, 0)", [ITEM]
        )
    assert fill() == filling.Filled(3, 2)
    assert rows(connection, "value, is_valid") == [(Decimal(2), True), (Decimal(1), False), (Decimal(8), True)]
    assert news_rows(connection) == []


def test_the_figure_of_a_closed_period_stands_whatever_is_computed(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(1, "1", is_closed=True)
    put(2, "1")
    computed(FIRST, AFTER, is_judged=False)
    assert fill() == filling.Filled(1, held=1)


def test_a_month_waits_for_each_of_its_days(
    connection: psycopg.Connection[Any], put: Callable[..., None], fill: Callable[..., filling.Filled]
) -> None:
    put(1, "30", stat_type=2)
    computed(date(2026, 11, 30), date(2026, 12, 1), is_judged=False)
    assert fill().held == 1
    judged()
    computed(date(2026, 12, 1), date(2026, 12, 2), is_judged=False)
    assert fill() == filling.Filled(1)


def test_slots_of_the_next_morning_belong_to_the_day_that_was_computed(
    connection: psycopg.Connection[Any], put: Callable[..., None]
) -> None:
    def fill() -> int:
        return news.fill(connection, destinations.get(connection, "province"), FIRST, AFTER, NOW).filled

    put(4, "1", stat_type=0)
    fill()
    put(4, "2", stat_type=0)
    computed(date(2026, 11, 3), date(2026, 11, 4))
    assert fill() == 1
