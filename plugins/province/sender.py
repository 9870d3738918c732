"""One run for one destination: versions, declaration, fill, send, reconcile (upload contract, 5).

It may end anywhere, by `kill -9` too, and the next run goes on; the same row sent twice is the same figure twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from ingestion import warehouse
from plugins.province import (
    declarations,
    destinations,
    exchanges,
    filling,
    news,
    outbox,
    profiles,
    reconciliation,
    state,
)
from plugins.province.context import Context
from plugins.province.delivery import Delivery, told
from plugins.province.destinations import Destination
from plugins.province.profiles import Adapter, DownloadError, Outcome
from plugins.province.report import BusyError, Report, Request, SenderError
from plugins.province.wire import Wire

MANY = 5000
"""Rows of one filling from which the planner is told of them: it would read the whole outbox for each batch."""

Say = Callable[[str], None]
Clock = Callable[[], datetime]


def run(
    name: str,
    request: Request,
    run_id: str,
    clock: Clock = lambda: datetime.now(UTC),
    say: Say = lambda _: None,
    wait: Callable[[float], None] = time.sleep,
    chance: random.Random | None = None,
) -> Report:
    """Send what ``request`` asks for to the destination ``name``; raises BusyError when another run is under way.

    What the platform does wrong is in the report and in the alarms; what is wrong here raises SenderError or
    DestinationError.
    """
    with ExitStack() as held:
        connection = held.enter_context(warehouse.connect("upload"))
        destination = destinations.get(connection, name)
        connection.commit()
        held.enter_context(_alone(connection, destination))
        report = Report(run_id, name)
        log = exchanges.Log(
            held.enter_context(warehouse.connect("upload", autocommit=True)), destination.site_code, name, run_id
        )
        adapter = _adapter(destination, log, clock, held)
        delivery = Delivery(
            connection, (destination.site_code, name), adapter, request, report,
            held.enter_context(ThreadPoolExecutor(adapter.concurrency)),
            clock=clock, say=say, wait=wait, chance=chance or random.Random(),  # noqa: S311 (spreads load)
            rows_per_second=float(destination.options.get("rows_per_second", 0)) or None,
        )  # fmt: skip
        _Run(destination, request, report, connection, adapter, delivery, log).go(say)
        return report


class _Run:
    def __init__(
        self,
        destination: Destination,
        request: Request,
        report: Report,
        connection: psycopg.Connection[Any],
        adapter: Adapter,
        delivery: Delivery,
        log: exchanges.Log,
    ) -> None:
        self.destination = destination
        self.key = (destination.site_code, destination.destination)
        self.request = request
        self.report = report
        self.connection = connection
        self.adapter = adapter
        self.delivery = delivery
        self.exchanges = log
        self.clock = delivery.clock
        self.zone = ZoneInfo(destination.timezone)

    def go(self, say: Say) -> None:
        self.say = say
        self._note_start()
        try:
            if self._prepare():
                self._fill()
                self.delivery.send()
                self._reconcile()
        finally:
            self.connection.rollback()
            self._note_end()

    # -------------------------------------------------------------- before anything is sent

    def _prepare(self) -> bool:
        """Versions and what we declare; False where the platform can't be worked with now."""
        self.say("核对版本")
        answer = self.delivery.insist(self.adapter.check_versions)
        if answer.outcome is not Outcome.ACCEPTED:
            self._fill()  # the backlog is told even where nobody takes it
            self.delivery.stop("upload_refused", f"平台未接受登记或版本核对：{told(answer)}")
            return False
        self.say("上报配置")
        declaration = self._declaration()
        problems = self.adapter.sync(declaration)
        # The platform's dictionaries name what our ledgers do not, and may just have come.
        if (again := self._declaration()) != declaration:
            problems = self.adapter.sync(again)
        self.report.problems += [str(problem) for problem in problems]
        return True

    def _declaration(self) -> declarations.Declaration:
        declaration = declarations.read(self.connection, *self.key)
        self.connection.commit()
        return declaration

    # -------------------------------------------------------------- the outbox

    def _range(self) -> tuple[date, date]:
        """Days that this run answers for (half-open): those asked for, or all until yesterday."""
        if self.request.first and self.request.after:
            return self.request.first, self.request.after
        today = self.clock().astimezone(self.zone).date()
        return news.first_day(self.connection, self.destination), today

    def _fill(self) -> None:
        self.say("从数据集市取数")
        first, after = self._range()
        now = self.clock()
        if self.request.first and self.request.after:
            self.report.filled = filling.fill(self.connection, *self.key, first, after, now, codes=self.request.codes)
        else:
            self.report.filled = news.fill(self.connection, self.destination, first, after, now, self.request.codes)
        if self.report.filled.filled > MANY:
            self.connection.execute("analyze ops.upload_outbox")
        if self.report.filled.held:
            self.report.problems.append(
                f"有 {self.report.filled.held} 条的日期尚未通过数据集市的质量门，暂不上报（DAG build_marts 的 judge）"
            )
        if self.request.trigger == "command":  # whoever asks by hand has mended what was refused
            outbox.send_again(self.connection, *self.key, now, self.delivery.asked(), self.request.codes)
        self.connection.commit()

    # -------------------------------------------------------------- afterwards

    def _reconcile(self) -> None:
        """Compare what was acknowledged in this run with what the platform holds, and send what it lost."""
        days = self._acknowledged_days()
        for is_last in (False, True):
            if self.delivery.is_stopped or not days:
                return
            self.say("与平台核对")
            self.report.differences = 0
            try:
                days = [day for day in days if self._differs_on(day)]
            except DownloadError as error:
                self.connection.rollback()
                self.report.problems.append(f"平台的回读未成功：{error}")
                return
            if days and not is_last:
                self.delivery.send()
        if self.report.differences:
            self.delivery.trouble(
                "upload_difference", f"重发之后平台仍有 {self.report.differences} 条与本地不同，见上报差异"
            )

    def _differs_on(self, day: date) -> bool:
        held = self.adapter.download(day, day + timedelta(days=1))
        if held is None:
            return False
        found = reconciliation.compare(self.connection, *self.key, held, day, self.clock())
        self.connection.commit()
        self.report.differences += found
        return found > 0

    def _acknowledged_days(self) -> list[date]:
        """Days on which periods begin that were acknowledged in this run."""
        rows = self.connection.execute(
            """select distinct stat_date::date from ops.upload_outbox
            where site_code = %s and destination = %s and acked_at >= %s order by 1""",
            [*self.key, self.delivery.began_at],
        ).fetchall()
        self.connection.commit()
        return [day for (day,) in rows]

    def _note_start(self) -> None:
        self.connection.execute(
            """insert into ops.upload_runs (run_id, site_code, destination, trigger, slot_date, started_at)
            values (%s, %s, %s, %s, %s, %s) on conflict (site_code, destination, run_id) do update
            set started_at = excluded.started_at, ended_at = null, is_finished = false""",
            [self.report.run_id, *self.key, self.request.trigger, self.request.slot_date, self.delivery.began_at],
        )
        self.connection.commit()

    def _note_end(self) -> None:
        counts = self.delivery.count()
        self.report.left = counts.unsent + counts.failed
        if counts.failed:
            self.delivery.trouble(
                "upload_rows_failed",
                f"有 {counts.failed} 条被平台拒绝（状态 3），原因见上报记录；改正后用 nengduan upload 重发",
            )
        skew = self.exchanges.largest_skew_s
        if abs(skew) > exchanges.CLOCK_SKEW_S:
            self.delivery.trouble("upload_clock", f"平台时钟与本机相差 {skew} 秒：请核对本机时钟")
        report = self.report
        self.connection.execute(
            """update ops.upload_runs set ended_at = %s, rows_filled = %s, rows_sent = %s, rows_acked = %s,
                rows_failed = %s, rows_left = %s, rows_held = %s, is_finished = %s, message = %s
            where site_code = %s and destination = %s and run_id = %s""",
            [
                self.clock(), report.filled.filled, report.sent, report.acked, report.failed, report.left,
                report.filled.held, report.is_finished, "；".join(report.problems) or None, *self.key, report.run_id,
            ],
        )  # fmt: skip
        self.connection.commit()


def _adapter(one: Destination, log: exchanges.Log, clock: Clock, held: ExitStack) -> Adapter:
    key = (one.site_code, one.destination)
    if not one.enterprise_code:
        raise SenderError(f"用能单位 {one.site_code} 没有统一社会信用代码：请在台账 site 的 credit_code 一栏填写。")
    keeper = held.enter_context(warehouse.connect("upload", autocommit=True))
    known, sealed = state.load(keeper, *key)
    profile = profiles.load(one.profile)
    wire = held.enter_context(
        Wire(
            one.url,
            allowed_hosts=one.allowed_hosts,
            is_loopback_http_allowed=one.is_loopback_http_allowed,
            log=log.write,
            secrets=one.secrets,
            settings=profile.settings(one.profile_options),
            clock=clock,
        )
    )
    context = Context(
        site_code=one.site_code,
        destination=one.destination,
        enterprise_code=one.enterprise_code,
        region_code=one.region_code or "",
        base_url=one.url,
        options=one.profile_options,
        secrets=one.secrets,
        state=known,
        sealed=sealed,
        save=lambda: state.save(keeper, *key, known, sealed, clock()),
        save_dictionary=lambda dictionary, version, rows: state.save_dictionary(
            keeper, *key, dictionary, version, rows
        ),
        clock=clock,
    )
    return profile.adapter(wire, context)


@contextmanager
def _alone(connection: psycopg.Connection[Any], destination: Destination) -> Iterator[None]:
    """One run of a destination at a time. The lock belongs to the session, so it ends with the process."""
    key = f"upload {destination.site_code} {destination.destination}"
    row = connection.execute("select pg_try_advisory_lock(hashtextextended(%s, 0))", [key]).fetchone()
    connection.commit()
    if not (row and row[0]):
        raise BusyError(f"{destination.destination} 的另一次上报正在进行，请等它结束。")
    try:
        yield
    finally:
        connection.rollback()
        connection.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", [key])
        connection.commit()
