"""What an answer of a platform means (upload-contract §5): by its code, then by what its refusal says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plugins.province.answers import message_of, text_of
from plugins.province.codes import ItemCodeError, plain
from plugins.province.profiles import Answer, Outcome, Row
from plugins.province.rows import STAMP
from plugins.province.settings import Settings
from plugins.province.wire import Reply, Verdict

CODE, MESSAGE = "responseCode", "responseMessage"
_PROBLEMS = {"unknown": Outcome.UNKNOWN, "blocked": Outcome.BLOCKED, "moved": Outcome.MOVED}


class Reactions:
    """Judges answers by the settings of a profile."""

    def __init__(self, settings: Settings) -> None:
        """`success_codes` decide alone on success; `messages` say what refusals mean."""
        self._success = frozenset(settings.texts("success_codes"))
        self._messages = {part: Outcome(outcome) for part, outcome in settings.table("messages").items()}

    def verdict(self, answer: Mapping[str, Any], is_code_needed: bool = True) -> Verdict:
        """Accepted or refused. Raises WrongShapeError where there is no code, or none of a sane type."""
        code, message = text_of(answer, CODE), text_of(answer, MESSAGE)
        if code is None:
            if is_code_needed:
                return Verdict("unknown", reason=f"应答没有 {CODE}")
            return Verdict("accepted", None, message)
        is_accepted = code in self._success
        return Verdict("accepted" if is_accepted else "refused", code, message, None if is_accepted else "平台未接受")

    def answer(self, reply: Reply, rows: Sequence[Row] = ()) -> Answer:
        """What a reply means for the rows that were sent."""
        code, message = message_of(reply.code), reply.message
        if reply.problem is not None:
            return Answer(_PROBLEMS[reply.problem], code, message or reply.reason, retry_after_s=reply.retry_after_s)
        if reply.is_accepted:
            return Answer(Outcome.ACCEPTED, code, message)
        faults = _faults((reply.json or {}).get("errors"), rows)
        outcome = self._outcome(code, message)
        if outcome is Outcome.REJECTED and faults and self._are_frozen(faults):
            outcome = Outcome.FROZEN
        return Answer(outcome, code, message or reply.reason, faults)

    def _outcome(self, code: str | None, message: str | None) -> Outcome:
        for part, outcome in self._messages.items():
            if part == code or (message and part in message):
                return outcome
        return Outcome.REJECTED

    def _are_frozen(self, faults: Mapping[int, str]) -> bool:
        return all(self._outcome(None, reason) is Outcome.FROZEN for reason in faults.values())


def _faults(errors: Any, rows: Sequence[Row]) -> dict[int, str]:
    """Which rows of the batch a refusal names, by their places; what makes no sense of it is left out.

    A code and a date that fit one row alone count before an index, which some may count from 1.
    """
    if not isinstance(errors, list) or not rows:
        return {}
    places: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(rows):
        try:
            key = (plain(row.data_code), row.stat_date.strftime(STAMP))
        except ItemCodeError:
            continue
        places.setdefault(key, []).append(index)
    faults: dict[int, str] = {}
    for error in errors:
        if not isinstance(error, dict):
            continue
        named = places.get((str(error.get("dataCode")).replace("-", ""), str(error.get("statDate"))), [])
        given = error.get("index")
        is_place = isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(rows)
        place: int | None = given if is_place else None
        if len(named) == 1:
            place = named[0]
        elif named and place not in named:
            place = None
        if place is not None:
            reason = error.get("reason")
            faults[place] = message_of(reason if isinstance(reason, str) else None) or "平台未说明原因"
    return faults
