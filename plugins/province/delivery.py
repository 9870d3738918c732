"""Batches to the platform and what each answer means (contract of the wire, 5).

A row leaves status 1 only by an explicit answer about it. Whatever else happens, the same rows go out again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any

import psycopg

from plugins.province import alarms, outbox
from plugins.province.outbox import Counts, Taken
from plugins.province.profiles import Adapter, Answer, Outcome
from plugins.province.report import Report, Request

ROUNDS_OF_A_WAVE = 16
"""Batches for each of the connections side by side that are taken, sent and settled together: it spreads the cost
of two transactions, and is what a killed run sends once more."""

RENEWALS = 5
"""Times a run registers again because the platform asked for it; more is a quarrel, and a person must look."""

QUICK_WAITS_S = (1.0, 3.0)
"""Waits before the same rows go out again after a first and a second exchange of which nothing is known: most
such faults are over in a moment. After the third the rows back off by minutes."""

LONGEST_WAIT_S = 30
"""A platform that asks for a longer rest gets it: the run ends, and the next one goes on."""

SILENCES_IN_A_ROW = 2
"""Batches in a row that backed off before the run ends: the platform is away."""

RENEWING = (Outcome.KEY_STALE, Outcome.IDENTITY, Outcome.MOVED)

REFUSALS_WITHOUT_A_WORD = 2
"""Times a batch is sent whole after a refusal without detail, before it is halved to find the bad row."""

ISOLATED_IN_A_ROW = 20
"""Single rows refused with nothing accepted between: then it is not the rows, and the run stops."""


class Delivery:
    """Sends the rows of one run. ``connection`` is committed step by step, ``pool`` has a thread for each
    connection to the platform, ``wait`` sleeps."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        key: tuple[str, str],
        adapter: Adapter,
        request: Request,
        report: Report,
        pool: ThreadPoolExecutor,
        *,
        clock: Callable[[], datetime],
        say: Callable[[str], None],
        wait: Callable[[float], None],
        chance: random.Random,
        rows_per_second: float | None = None,
    ) -> None:
        self.connection = connection
        self.key = key
        self.adapter = adapter
        self.request = request
        self.report = report
        self.pool = pool
        self.clock = clock
        self.say = say
        self.wait = wait
        self.chance = chance
        self.rows_per_second = rows_per_second
        """The destination's pace, where it has one."""
        self.began_at = clock()
        self.is_stopped = False
        self.renewals = 0
        self.isolated = 0
        """Rows refused since the last one that was accepted."""
        self.silences = 0
        """Batches since the last accepted one of which nothing could be learnt."""
        is_single = adapter.concurrency == 1
        self.wave = adapter.batch_max * (1 if is_single else adapter.concurrency * ROUNDS_OF_A_WAVE)

    def insist(self, ask: Callable[[], Answer]) -> Answer:
        """Ask again after a moment where nothing is known; register where the platform wants that."""
        answer = ask()
        for seconds in QUICK_WAITS_S:
            if answer.outcome is Outcome.UNKNOWN:
                self.wait(max(seconds, min(answer.retry_after_s or 0, 30)))
            elif not (answer.outcome in RENEWING and self.renew()):
                break
            answer = ask()
        return answer

    def renew(self) -> bool:
        if self.renewals >= RENEWALS:
            return False
        self.renewals += 1
        self.say("重新登记")
        return self.insist(self.adapter.register).outcome is Outcome.ACCEPTED

    def send(self) -> None:
        """Batch by batch, oldest first, until nothing is due or the platform needs rest."""
        self.say(f"上报 {self.count().unsent} 条")
        began_at, before = self.clock(), self.report.sent
        last: Taken | None = None
        while not self.is_stopped:
            rows = self._take(last)
            if not rows and last is None:
                return
            last = rows[-1] if rows else None  # at the end once more from the start: time has passed
            self._send_wave(rows)
            if rows and self.rows_per_second:
                ahead_s = (self.report.sent - before) / self.rows_per_second - (self.clock() - began_at).total_seconds()
                if ahead_s > 0:
                    self.wait(ahead_s)

    def _take(self, beyond: Taken | None) -> list[Taken]:
        # A person who asks now is not told to wait for a back-off of the night.
        rows = outbox.take(
            self.connection, *self.key, self.wave, self.clock(), within=self.asked(), codes=self.request.codes,
            due_only=self.request.trigger != "command", begun_at=self.began_at, beyond=beyond,
        )  # fmt: skip
        self.connection.commit()
        self.report.sent += len(rows)
        return rows

    def _send_wave(self, rows: list[Taken]) -> None:
        """Send a wave of batches, side by side where the profile does so, and settle them one after another."""
        size = self.adapter.batch_max
        batches = [rows[start : start + size] for start in range(0, len(rows), size)]
        if len(batches) == 1:
            answers: Iterator[Answer] = iter([self._ask(batches[0])])
        else:
            answers = self.pool.map(self._ask, batches)
        accepted: list[Taken] = []
        for batch, answer in zip(batches, answers, strict=True):
            if answer.outcome is Outcome.ACCEPTED:
                accepted += batch
                continue
            self._acknowledge(accepted, None)
            accepted = []
            self._resolve(batch, answer)
        self._acknowledge(accepted, None)

    def _ask(self, rows: Sequence[Taken]) -> Answer:
        if self.is_stopped:
            return Answer(Outcome.UNKNOWN, None, "本次上报已中止，未发送")
        return self.adapter.send(rows, self.clock())

    # -------------------------------------------------------------- what an answer means (contract of the wire, 5)

    def _resolve(self, rows: Sequence[Taken], answer: Answer) -> None:
        """Bring rows whose answer is ``answer`` to an end: acknowledged, failed, or postponed."""
        if self.is_stopped and answer.outcome not in (Outcome.REJECTED, Outcome.FROZEN):
            self._postpone(rows, answer)  # the batches beside the one that ended the run met the same
            return
        renewed = False
        refusals = 0
        waits = iter(QUICK_WAITS_S)
        while True:
            match answer.outcome:
                case Outcome.ACCEPTED:
                    self._acknowledge(rows, answer.code)
                    return
                case Outcome.UNKNOWN:
                    seconds = next(waits, None)
                    asked = answer.retry_after_s or 0
                    if self.is_stopped or seconds is None or asked > LONGEST_WAIT_S:
                        self._postpone(rows, answer)
                        self._rest(answer)
                        return
                    self.wait(max(seconds, asked))
                case Outcome.KEY_STALE | Outcome.MOVED | Outcome.IDENTITY if not renewed:
                    renewed = True
                    if not self.renew():
                        self._postpone(rows, answer)
                        self.stop("upload_refused", f"平台要求重新登记而登记未成功：{told(answer)}")
                        return
                case Outcome.IDENTITY:
                    self._fail(dict.fromkeys(rows, told(answer)), answer.code)
                    self.stop(
                        "upload_identity",
                        f"重新登记后平台仍不认本企业：{told(answer)}。请核对统一社会信用代码与平台账户。",
                    )
                    return
                case Outcome.KEY_STALE | Outcome.MOVED | Outcome.BLOCKED:
                    self._postpone(rows, answer)
                    kind, words = _TROUBLE[answer.outcome]
                    self.stop(kind, f"{words}{told(answer)}")
                    return
                case Outcome.REJECTED | Outcome.FROZEN:
                    named = {rows[index]: reason for index, reason in answer.faults.items() if 0 <= index < len(rows)}
                    is_final = answer.outcome is Outcome.FROZEN or refusals >= REFUSALS_WITHOUT_A_WORD
                    if named:
                        self._isolate(named, answer)
                        rows = [row for row in rows if row not in named]
                        if not rows:
                            return
                        refusals = 0
                    elif is_final and len(rows) == 1:
                        self._isolate({rows[0]: told(answer)}, answer)
                        return
                    elif is_final:
                        self._bisect(rows)
                        return
                    else:
                        refusals += 1
                    if self.is_stopped:
                        self._postpone(rows, answer)
                        return
            answer = self._ask(rows)

    def _bisect(self, rows: Sequence[Taken]) -> None:
        """Find the rows for which a batch is refused without saying so."""
        middle = len(rows) // 2
        for half in (rows[:middle], rows[middle:]):
            answer = self._ask(half)
            if answer.outcome in (Outcome.REJECTED, Outcome.FROZEN) and not answer.faults and len(half) > 1:
                self._bisect(half)
            else:
                self._resolve(half, answer)

    def _isolate(self, reasons: dict[Taken, str], answer: Answer) -> None:
        self._fail(reasons, answer.code)
        self.isolated += len(reasons)
        if self.isolated >= ISOLATED_IN_A_ROW:
            self.stop("upload_refused", f"平台接连拒绝 {self.isolated} 条而未接受任何一条，最后一次：{told(answer)}")

    def _acknowledge(self, rows: Sequence[Taken], code: str | None) -> None:
        if not rows:
            return
        outbox.acknowledge(self.connection, *self.key, rows, code, self.clock())
        self.connection.commit()
        self.report.acked += len(rows)
        self.isolated = 0
        self.silences = 0

    def _fail(self, reasons: dict[Taken, str], code: str | None) -> None:
        outbox.fail(self.connection, *self.key, reasons, code)
        self.connection.commit()
        self.report.failed += len(reasons)

    def _postpone(self, rows: Sequence[Taken], answer: Answer) -> None:
        outbox.postpone(
            self.connection, *self.key, rows, told(answer), answer.code, self.clock(), self.chance.random(),
            answer.retry_after_s or 0,
        )  # fmt: skip
        self.connection.commit()

    def _rest(self, answer: Answer) -> None:
        """Nothing could be learnt of a batch, three times: a platform that is away is left alone."""
        self.silences += 1
        if self.silences >= SILENCES_IN_A_ROW or answer.retry_after_s:
            self.stop("upload_unreachable", f"平台没有可用的应答：{told(answer)}；数据保留，下次续传")

    def stop(self, kind: str, message: str) -> None:
        """Send nothing more in this run, and tell people why."""
        self.is_stopped = self.report.is_cut_short = True
        self.trouble(kind, message)

    def trouble(self, kind: str, message: str) -> None:
        """Something that people must hear of: in the report, and an event once a day."""
        self.report.problems.append(message)
        alarms.raise_once(self.connection, kind, *self.key, f"{self.key[1]}：{message}", self.clock())
        self.connection.commit()

    def asked(self) -> tuple[date, date] | None:
        return (self.request.first, self.request.after) if self.request.first and self.request.after else None

    def count(self) -> Counts:
        counts = outbox.count(self.connection, *self.key, self.clock(), self.asked(), self.request.codes)
        self.connection.commit()
        return counts


_TROUBLE = {
    Outcome.KEY_STALE: ("upload_key", "重新登记后平台仍报告解密失败："),
    Outcome.MOVED: ("upload_refused", "重新登记后平台的地址仍不可用："),
    Outcome.BLOCKED: ("upload_blocked", "平台的应答指向不被允许的地址，已拒绝："),
}


def told(answer: Answer) -> str:
    """An answer as people read it."""
    return f"[{answer.code}] {answer.message}" if answer.code else str(answer.message)
