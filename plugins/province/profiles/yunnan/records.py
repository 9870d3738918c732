"""Yunnan's configuration, record by record: what is new is added, what changed updated, what is gone deleted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plugins.province.answers import object_of, text_of
from plugins.province.context import Context
from plugins.province.declarations import Declaration, Problem
from plugins.province.profiles import Answer, Outcome
from plugins.province.profiles.yunnan.session import Session
from plugins.province.rows import Writer
from plugins.province.wire import Verdict

INDEX = "dataIndex"
LONGEST_INDEX = 64
MOST_PROBLEMS = 20
"""Told one by one for each kind; the rest as a number."""


class Records:
    """Holds what the platform has been told of each record by its dataIndex, in the destination's state."""

    def __init__(
        self, session: Session, context: Context, objects: Sequence[Mapping[str, Any]], writer: Writer, address: str
    ) -> None:
        """``objects`` are those of profile.toml; ``address`` is what precedes processConfigure/add and the like."""
        self._session, self._context, self._objects, self._writer = session, context, objects, writer
        self._address = address.rstrip("/")

    def sync(self, declaration: Declaration) -> list[Problem]:
        """Tell what differs. Each record is noted as soon as it is accepted, so a run may end anywhere."""
        problems: list[Problem] = []
        wanted = {one["path"]: dict(self._records(one, declaration)) for one in self._objects}
        for one in self._objects:
            path = str(one["path"])
            steps = ((key, record) for key, record in wanted[path].items() if self._is_news(path, key, record))
            if not self._tell(path, steps, problems):
                return problems
        for one in reversed(self._objects):  # what others need goes last
            path = str(one["path"])
            gone = [key for key in self._held(path) if key not in wanted[path]]
            if not self._tell(path, ((key, None) for key in gone), problems):
                return problems
        return problems

    def _held(self, path: str) -> dict[str, dict[str, str]]:
        held: dict[str, dict[str, str]] = self._context.state.setdefault("records", {}).setdefault(path, {})
        return held

    def _is_news(self, path: str, key: str, record: Mapping[str, str]) -> bool:
        held = self._held(path).get(key)
        return held is None or held["hash"] != _digest(record)

    def _records(self, one: Mapping[str, Any], declaration: Declaration) -> Iterator[tuple[str, dict[str, str]]]:
        for row in getattr(declaration, one["source"]):
            record = {theirs: row[ours] for theirs, ours in one["members"].items() if row.get(ours)}
            if record.get("dataCode"):
                record["dataCode"] = self._writer.code(record["dataCode"])
            yield "|".join(record.get(name, "") for name in one["key"]), record

    def _tell(self, path: str, steps: Iterator[tuple[str, dict[str, str] | None]], problems: list[Problem]) -> bool:
        """Tell some records of one kind; False when the platform does not answer and the rest can wait."""
        refused = 0
        for key, record in list(steps):
            answer = self._tell_one(path, key, record)
            if answer.is_accepted:
                continue
            refused += 1
            if refused <= MOST_PROBLEMS:
                told = answer.message or answer.outcome.value
                problems.append(
                    Problem(f"{path} {key}", f"平台未接受：{told}", "按平台给出的原因改正台账，下次上报时自动重传")
                )
            if answer.outcome is not Outcome.REJECTED:
                return False
        if refused > MOST_PROBLEMS:
            problems.append(Problem(path, f"另有 {refused - MOST_PROBLEMS} 条未被接受", "见上报交互记录"))
        return True

    def _tell_one(self, path: str, key: str, record: dict[str, str] | None) -> Answer:
        """Tell one record; where the platform has forgotten its dataIndex, it is added anew."""
        held = self._held(path)
        answer = self._ask(path, key, record)
        if answer.outcome is Outcome.REJECTED and key in held and INDEX in (answer.message or ""):
            del held[key]
            self._context.save()
            return Answer(Outcome.ACCEPTED) if record is None else self._ask(path, key, record)
        return answer

    def _ask(self, path: str, key: str, record: dict[str, str] | None) -> Answer:
        held = self._held(path)
        index = held[key]["index"] if key in held else None
        act = "delete" if record is None else "add" if index is None else "update"
        found: list[str] = []

        def judge(answer: dict[str, Any]) -> Verdict:
            verdict = self._session.reactions.verdict(answer)
            if verdict.outcome == "accepted" and act == "add":
                handed = text_of(object_of(answer, "data"), INDEX)
                if handed is None or len(handed) > LONGEST_INDEX:
                    return Verdict("unknown", verdict.code, verdict.message, "应答没有可用的 dataIndex")
                found.append(handed)
            return verdict

        state = self._context.state
        body: dict[str, Any] = {"regVersion": state.get("reg_version"), "dicVersion": state.get("dic_version")}
        body |= record or {}
        if index is not None:
            body[INDEX] = index
        answer = self._session.ask("config", f"{self._address}/{path}/{act}", body, judge, row_count=1)
        if answer.is_accepted:
            if record is None:
                held.pop(key, None)
            else:
                held[key] = {"index": found[0] if found else str(index), "hash": _digest(record)}
            self._context.save()
        return answer


def _digest(record: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:32]
