"""Key and token of Yunnan's platform: obtained, renewed before their end, never told to the log."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from plugins.province import sm4
from plugins.province.answers import WrongShapeError, object_of, text_of
from plugins.province.context import Context
from plugins.province.profiles import Answer, Outcome, Row
from plugins.province.reactions import Reactions
from plugins.province.rows import STAMP
from plugins.province.settings import Settings
from plugins.province.wire import Reply, Verdict, Wire

UNAUTHORIZED = 401
LONGEST_TOKEN = 8192
_SLOT = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_SAYABLE = re.compile(r"[\x21-\x7e]+")


class Session:
    """What is asked with a token and without; may be used by several threads at once."""

    def __init__(self, wire: Wire, context: Context, settings: Settings, reactions: Reactions) -> None:
        """Nothing is asked yet; the token of an earlier run is used while it holds."""
        self._wire, self._context, self._settings = wire, context, settings
        self.reactions = reactions
        self._token_codes = frozenset(settings.texts("token_codes"))
        self._margin = timedelta(seconds=settings.number("token_margin_s"))
        self._lock = threading.Lock()
        for name in ("secretKey", "token"):
            wire.hide(context.sealed.get(name))

    # -------------------------------------------------------------- addresses

    def own_address(self, name: str) -> str:
        """A path below the destination's own address."""
        return _below(self._context.base_url, self._settings.text(f"paths.{name}"))

    def platform_address(self, name: str) -> str:
        """A path below the address that came with the token, else below the destination's own."""
        base = self._context.state.get("platform_url") or self._context.base_url
        return _below(base, self._settings.text(f"paths.{name}"))

    # -------------------------------------------------------------- key and token

    def obtain_key(self) -> Answer:
        """Obtain the work key, by the one we hold; where that no longer counts, without it."""
        held = self._context.sealed.get("secretKey") or self._context.secrets.get("secretKey")
        answer = self._ask_key({"secretKey": held} if held else {})
        if held and answer.outcome in (Outcome.REJECTED, Outcome.KEY_STALE):
            answer = self._ask_key({})
        return answer

    def _ask_key(self, body: Mapping[str, str]) -> Answer:
        found: list[str] = []

        def judge(answer: dict[str, Any]) -> Verdict:
            verdict = self.reactions.verdict(answer)
            if verdict.outcome == "accepted":
                key = text_of(object_of(answer, "data"), "secretKey")
                self._wire.hide(key)
                if key is None or not sm4.BLOCK <= len(key) <= 256 or not _SAYABLE.fullmatch(key):
                    raise WrongShapeError("应答没有可用的 secretKey")
                found.append(key)
            return verdict

        reply = self._wire.post(
            "key", self.own_address("rwk"), {"enterpriseCode": self._context.enterprise_code, **body}, judge=judge
        )
        if reply.is_accepted:
            self._context.sealed["secretKey"] = found[0]
            self._context.save()
        return self.reactions.answer(reply)

    def password(self) -> str:
        """The pin as the platform takes it; raises CipherError."""
        pin, key = self._context.secrets.get("password"), self._context.sealed.get("secretKey")
        if not pin or not key:
            raise sm4.CipherError("缺平台密码（机密 password）或工作密钥")
        return sm4.password_block(key, self._context.enterprise_code, pin)

    def obtain_token(self) -> Answer:
        """Ask for a token."""
        found: dict[str, str] = {}

        def judge(answer: dict[str, Any]) -> Verdict:
            verdict = self.reactions.verdict(answer)
            if verdict.outcome == "accepted":
                found.update(self._token(object_of(answer, "data")))
            return verdict

        try:
            password = self.password()
        except sm4.CipherError as error:
            return Answer(Outcome.REJECTED, None, f"本端未发送：{error}")
        body = {"enterpriseCode": self._context.enterprise_code, "password": password}
        reply = self._wire.post("token", self.own_address("request_ak"), body, judge=judge)
        if reply.is_accepted:
            self._context.sealed["token"] = found.pop("token")
            state = self._context.state
            state.pop("renew_token_at", None)
            state.update(found)
            self._context.save()
        return self.reactions.answer(reply)

    def _token(self, data: dict[str, Any]) -> dict[str, str]:
        token = text_of(data, "token")
        self._wire.hide(token)
        if token is None or len(token) > LONGEST_TOKEN or not _SAYABLE.fullmatch(token):
            raise WrongShapeError("应答没有可用的 token")
        found = {"token": token}
        if ends_at := self._end(text_of(data, "akExpiresIn"), text_of(data, "akValidAt")):
            life = ends_at - self._context.clock()
            found["renew_token_at"] = (ends_at - min(self._margin, life / 4)).isoformat()
        slot = text_of(data, "enterpriseUploadTime")
        if slot and _SLOT.fullmatch(slot):
            found["slot"] = slot
        if url := text_of(data, "platformURL"):
            found["platform_url"] = self._wire.checked(url)
        return found

    def _end(self, expires_in: str | None, valid_at: str | None) -> datetime | None:
        """When the token ends: an instant at some platforms, seconds at others; None where nobody says.

        ``valid_at`` is its beginning at some and its end at others: it counts only when it lies ahead, and the
        earlier end counts, for a token renewed too early does no harm.
        """
        now = self._context.clock()
        ends = [end for text in (expires_in, valid_at) if (end := self._instant(text)) and end > now]
        if expires_in and expires_in.isascii() and expires_in.isdecimal() and len(expires_in) < 10:
            ends.append(now + timedelta(seconds=int(expires_in)))
        return min(ends, default=None)

    def _instant(self, text: str | None) -> datetime | None:
        try:
            local = datetime.strptime((text or "")[:19], STAMP)  # noqa: DTZ007 (the zone is the platform's)
            return local.replace(tzinfo=self._settings.offset("utc_offset")).astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    def _fresh_token(self, stale: str | None = None) -> tuple[str | None, Answer | None]:
        """A token that is not ``stale`` nor near its end, renewed by one thread for all; or why there is none."""
        with self._lock:
            token = self._context.sealed.get("token")
            if token and token != stale and not self._is_near_end():
                return token, None
            answer = self.obtain_token()
            if not answer.is_accepted:
                return None, answer
            return self._context.sealed["token"], None

    def _is_near_end(self) -> bool:
        renew_at = self._context.state.get("renew_token_at")
        return renew_at is not None and self._context.clock() >= datetime.fromisoformat(renew_at)

    # -------------------------------------------------------------- asking

    def ask(
        self,
        kind: str,
        address: str,
        body: Mapping[str, Any],
        judge: Any = None,
        rows: Sequence[Row] = (),
        row_count: int = 0,
    ) -> Answer:
        """Ask with a token; where it no longer holds, once more with a new one."""
        stale: str | None = None
        reply: Reply | None = None
        for _ in range(2):
            token, refusal = self._fresh_token(stale)
            if refusal is not None:
                return refusal if refusal.outcome is not Outcome.REJECTED else _without_token(refusal)
            reply = self._wire.post(
                kind,
                address,
                {"enterpriseCode": self._context.enterprise_code, **body},
                {"Authorization": f"Bearer {token}"},
                len(rows) or row_count,
                judge or self.reactions.verdict,
            )
            if not self._is_unauthorized(reply):
                return self.reactions.answer(reply, rows)
            stale = token
        told = reply.message if reply else None
        return Answer(Outcome.IDENTITY, str(UNAUTHORIZED), told or "平台不接受刚刚取得的 token")

    def ask_openly(self, kind: str, address: str, body: Mapping[str, Any], judge: Any) -> Answer:
        """Ask without a token."""
        body = {"enterpriseCode": self._context.enterprise_code, **body}
        return self.reactions.answer(self._wire.post(kind, address, body, judge=judge))

    def _is_unauthorized(self, reply: Reply) -> bool:
        return reply.http_status == UNAUTHORIZED or (not reply.is_accepted and reply.code in self._token_codes)


def _without_token(refusal: Answer) -> Answer:
    """No token, because the platform knows neither us nor our password: registering is what may help."""
    return Answer(Outcome.IDENTITY, refusal.code, f"未能取得 token：{refusal.message}")


def _below(base: str, path: str) -> str:
    """A path below an address, whose last part may be the path's first already."""
    base, path = base.rstrip("/"), path.lstrip("/")
    first, _, rest = path.partition("/")
    if base.endswith(f"/{first}"):
        return f"{base}/{rest}" if rest else base
    return f"{base}/{path}"
