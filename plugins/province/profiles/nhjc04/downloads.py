"""What a platform of NHJC-04 holds of us, asked for some days at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from plugins.province import sm4
from plugins.province.answers import WrongShapeError
from plugins.province.codes import ItemCodeError, hyphenated
from plugins.province.profiles import DownloadError, Held
from plugins.province.reactions import Reactions
from plugins.province.rows import STAMP
from plugins.province.settings import Settings
from plugins.province.wire import Verdict, Wire


class Downloads:
    """Asks one platform for what it holds. Each method raises DownloadError where it does not say."""

    def __init__(self, wire: Wire, settings: Settings, reactions: Reactions, key: str | None) -> None:
        """``key`` decrypts rows that come encrypted."""
        self._wire, self._reactions, self._key = wire, reactions, key
        self._step = timedelta(days=max(1, settings.number("download_days")))
        self._bytes = settings.number("sizes.download_bytes")

    def whole(self, address: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """An answer as it is."""
        return self._asked(address, body, self._reactions.verdict)

    def figures(self, address: str, sender: Mapping[str, Any], first: date, after: date) -> Iterator[Held]:
        """What is held of [first, after)."""
        while first < after:
            until = min(first + self._step, after)
            for held in self._between(address, sender, first, until):
                if first <= held.stat_date.date() < until:
                    yield held
            first = until

    def _between(self, address: str, sender: Mapping[str, Any], first: date, after: date) -> list[Held]:
        found: list[Held] = []

        def judge(answer: dict[str, Any]) -> Verdict:
            verdict = self._reactions.verdict(answer)
            if verdict.outcome == "accepted":
                rows = answer.get("data", [])
                if not isinstance(rows, list):
                    raise WrongShapeError("下载应答的 data 不是数组")
                found.extend(self._figure(row) for row in rows)
            return verdict

        start = datetime.combine(first, time.min).strftime(STAMP)
        # To the last second of the last day: right for those who count the end in, and for those who don't. The
        # first day goes by either of the names that it may have.
        end = (datetime.combine(after, time.min) - timedelta(seconds=1)).strftime(STAMP)
        self._asked(address, {**sender, "startDate": start, "beginDate": start, "endDate": end}, judge)
        return found

    def _asked(
        self, address: str, body: Mapping[str, Any], judge: Callable[[dict[str, Any]], Verdict]
    ) -> dict[str, Any]:
        reply = self._wire.post("download", address, body, judge=judge, response_bytes=self._bytes)
        if not reply.is_accepted or reply.json is None:
            raise DownloadError(self._reactions.answer(reply))
        return reply.json

    def _figure(self, row: Any) -> Held:
        if not isinstance(row, dict):
            raise WrongShapeError("下载的数据中有不是对象的项")
        names = ("dataCode", "dataValue", "statType", "statDate")
        texts = [str(value) if isinstance(value := row.get(name), str | int | Decimal) else "" for name in names]
        try:
            code = hyphenated(texts[0])
        except ItemCodeError:
            try:
                texts = sm4.decrypted_fields(self._key or "", texts)
                code = hyphenated(texts[0])
            except ValueError as error:
                raise WrongShapeError("下载的数据无法解密，或编码不正确") from error
        try:
            held = Held(code, int(texts[2]), datetime.strptime(texts[3], STAMP), Decimal(texts[1]))  # noqa: DTZ007
        except (ValueError, InvalidOperation) as error:
            raise WrongShapeError("下载的数据中有不可用的数值或时间") from error
        if not held.value.is_finite() or abs(held.value.adjusted()) > 30 or held.stat_type not in range(4):
            raise WrongShapeError("下载的数据中有不可用的数值或统计类型")
        return held
