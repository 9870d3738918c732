"""NHJC-04 as it was seen on real wires (upload-contract §2)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from plugins.province import sm4
from plugins.province.answers import WrongShapeError, codes_of, object_of, text_of
from plugins.province.context import Context
from plugins.province.declarations import Declaration, Problem
from plugins.province.profiles import Answer, Held, Outcome, Row
from plugins.province.profiles.nhjc04.downloads import Downloads
from plugins.province.reactions import Reactions
from plugins.province.rows import Writer
from plugins.province.settings import Settings
from plugins.province.wire import Verdict, Wire

MEMBERS = ("dataCode", "dataValue", "inputType", "statType", "statDate", "uploadDate", "scope", "valid")
ADDRESSES = {
    "loadConfigURL": ("loadConfigURL", "downloadBaseDataURL"),
    "loadDicVersionURL": ("loadDicVersionURL",),
    "centerInfoURL": ("centerInfoURL",),
    "centerInfoDownloadURL": ("centerInfoDownloadURL",),
    "centerMeteringDataURL": ("centerMeteringDataURL",),
    "centerDataURL": ("centerDataURL",),
    "centerDataDownloadURL": ("centerDataDownloadURL",),
}
"""Addresses by our name, with the members that platforms hand them out in."""
DICTIONARIES = (
    "region", "industry", "process", "equipment", "energyClass", "energyType", "dataUsage", "inputType", "meteringType",
    "enterpriseType",
)  # fmt: skip
_DEVICE = re.compile(r"[A-Za-z0-9_.:\-]{1,128}")
_SLOT = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")


class Adapter:
    """Speaks NHJC-04 for one run of one destination."""

    def __init__(self, wire: Wire, context: Context, settings: Settings, _document: Mapping[str, Any]) -> None:
        """Nothing is asked of the platform yet."""
        self._wire, self._context, self._settings = wire, context, settings
        self._reactions, self._writer = Reactions(settings), Writer(settings)
        self.batch_max = settings.number("batch_max")
        self.concurrency = max(1, settings.number("concurrency"))
        wire.hide(context.sealed.get("secretKey"))

    # -------------------------------------------------------------- what is kept

    @property
    def slot(self) -> time | None:
        """The daily slot that the platform assigned."""
        text = self._context.state.get("slot")
        return time.fromisoformat(text) if text else None

    @property
    def _device(self) -> str | None:
        return self._context.state.get("device_id")

    def _address(self, name: str) -> str | None:
        return self._context.state.get("urls", {}).get(name)

    @property
    def _key(self) -> str | None:
        """The key that rows are encrypted with; None where they go clear."""
        mode = self._settings.text("encryption")
        return None if mode == "never" else self._context.sealed.get("secretKey")

    # -------------------------------------------------------------- registration and versions

    def register(self) -> Answer:
        """Obtain device, addresses, slot and key; kept only when the answer is right as a whole."""
        found: dict[str, Any] = {}

        def judge(answer: dict[str, Any]) -> Verdict:
            verdict = self._reactions.verdict(answer)
            if verdict.outcome == "accepted":
                found.update(self._registration(answer))
            return verdict

        body = {"enterpriseCode": self._context.enterprise_code, "region": self._context.region_code}
        reply = self._wire.post("register", self._own_address("register"), body, judge=judge)
        if reply.is_accepted:
            key = found.pop("key")
            self._context.state.update(found)
            if key:
                self._context.sealed["secretKey"] = key
            else:
                self._context.sealed.pop("secretKey", None)
            self._context.save()
        return self._reactions.answer(reply)

    def _own_address(self, name: str) -> str:
        """A path below the destination's own address."""
        return self._context.base_url.rstrip("/") + "/" + self._settings.text(f"paths.{name}").lstrip("/")

    def _registration(self, answer: dict[str, Any]) -> dict[str, Any]:
        device = text_of(answer, "deviceId")
        if device is None or not _DEVICE.fullmatch(device):
            raise WrongShapeError("注册应答没有可用的 deviceId")
        urls = {}
        for name, members in ADDRESSES.items():
            handed = next((url for member in members if (url := text_of(answer, member))), None)
            if handed:
                urls[name] = self._wire.checked(handed)
        if "centerDataURL" not in urls:
            raise WrongShapeError("注册应答没有 centerDataURL")
        key = text_of(answer, "secretKey")
        self._wire.hide(key)
        if key is not None:
            try:
                sm4.key_of(key)
            except sm4.CipherError as error:
                raise WrongShapeError(f"注册应答的 secretKey 不可用：{error}") from error
        found = {"device_id": device, "urls": urls, "key": key}
        slot = text_of(answer, "uploadTime")
        return found | ({"slot": slot} if slot and _SLOT.fullmatch(slot) else {})

    def check_versions(self) -> Answer:
        """Compare versions; a new regVersion registers again, a new dicVersion makes the dictionaries due."""
        if not self._device:
            answer = self.register()
            if not answer.is_accepted:
                return answer
        address = self._address("loadDicVersionURL")
        if address is None:
            return Answer(Outcome.ACCEPTED, message="平台没有给出版本校验地址")
        found: dict[str, str | None] = {}

        def judge(answer: dict[str, Any]) -> Verdict:
            found.update({name: text_of(answer, name) for name in ("regVersion", "dicVersion")})
            # Some answer with the two versions and nothing else.
            verdict = self._reactions.verdict(answer, is_code_needed=not any(found.values()))
            if verdict.outcome == "accepted" and not any(found.values()):
                raise WrongShapeError("版本应答没有 regVersion 和 dicVersion")
            return verdict

        reply = self._wire.post("version", address, {"deviceId": self._device}, judge=judge)
        if not reply.is_accepted:
            return self._reactions.answer(reply)
        state = self._context.state
        is_new = state.get("reg_version") not in (None, found["regVersion"]) and found["regVersion"] is not None
        if is_new:
            answer = self.register()
            if not answer.is_accepted:
                return answer
        for name, version in (("reg_version", found["regVersion"]), ("dic_version", found["dicVersion"])):
            if version is not None:
                state[name] = version
        self._context.save()
        return self._reactions.answer(reply)

    # -------------------------------------------------------------- dictionaries and declaration

    def sync(self, declaration: Declaration) -> list[Problem]:
        """Fetch the dictionaries and declare the site, where either changed since it was last accepted."""
        problems = list(declaration.problems)
        state = self._context.state
        if state.get("dictionary_version") is None or state["dictionary_version"] != state.get("dic_version"):
            problems += self._step("数据字典", self._fetch_dictionaries)
        config = {
            "enterprise": dict(declaration.enterprise),
            "group": dict(declaration.group),
            "process": [dict(row) for row in declaration.process],
            "processUnit": [dict(row) for row in declaration.process_unit],
            "collectItemConfig": [self._without_code(row) for row in declaration.collect_item_config],
        }
        problems += self._declare("用能单位基础信息配置", "config", "centerInfoURL", config)
        metering = {"metering": [self._with_code(row) for row in declaration.metering]}
        return problems + self._declare("计量器具", "metering", "centerMeteringDataURL", metering)

    @staticmethod
    def _without_code(row: Mapping[str, str]) -> dict[str, str]:
        return {name: value for name, value in row.items() if name != "dataCode"}

    def _with_code(self, row: Mapping[str, str]) -> dict[str, str]:
        return {name: self._writer.code(value) if name == "dataCode" else value for name, value in row.items()}

    def _fetch_dictionaries(self) -> Answer | None:
        address = self._address("loadConfigURL")
        if address is None:
            return None
        found: dict[str, list[dict[str, Any]]] = {}
        versions: list[str | None] = []

        def judge(answer: dict[str, Any]) -> Verdict:
            verdict = self._reactions.verdict(answer)
            if verdict.outcome == "accepted":
                handed = object_of(answer, "dictionaries")
                found.update({name: codes_of(handed[name], name) for name in DICTIONARIES if name in handed})
                versions.append(text_of(answer, "dicVersion"))
            return verdict

        reply = self._wire.post(
            "dictionary",
            address,
            self._sender(),
            judge=judge,
            response_bytes=self._settings.number("sizes.download_bytes"),
        )
        if reply.is_accepted:
            state = self._context.state
            state.setdefault("dic_version", versions[0] or "")
            for name, rows in found.items():
                self._context.save_dictionary(name, versions[0] or state["dic_version"], rows)
            state["dictionary_version"] = state["dic_version"]
            self._context.save()
        return self._reactions.answer(reply)

    def _declare(self, title: str, kind: str, address_name: str, content: dict[str, Any]) -> list[Problem]:
        def ask() -> Answer | None:
            address = self._address(address_name)
            if address is None:
                return None
            body = self._sender() | content
            digest = hashlib.sha256(json.dumps([address, body], sort_keys=True).encode()).hexdigest()
            if self._context.state.get(f"{kind}_hash") == digest:
                return None
            rows = sum(len(value) for value in content.values() if isinstance(value, list))
            answer = self._ask(kind, address, body, rows)
            if answer.is_accepted:
                self._context.state[f"{kind}_hash"] = digest
                self._context.save()
            return answer

        return self._step(title, ask)

    def _step(self, title: str, ask: Callable[[], Answer | None]) -> list[Problem]:
        """Ask; where the address is gone or the device unknown, register and ask once more."""
        answer = ask()
        if answer and answer.outcome in (Outcome.MOVED, Outcome.IDENTITY) and self.register().is_accepted:
            answer = ask()
        if answer is None or answer.is_accepted:
            return []
        told = answer.message or answer.outcome.value
        return [Problem(title, f"平台未接受{title}：{told}", "按平台给出的原因改正台账，下次上报时自动重传")]

    def _sender(self) -> dict[str, Any]:
        return {"deviceId": self._device, "enterpriseCode": self._context.enterprise_code}

    def _ask(self, kind: str, address: str, body: Mapping[str, Any], row_count: int = 0) -> Answer:
        return self._reactions.answer(
            self._wire.post(kind, address, body, row_count=row_count, judge=self._reactions.verdict)
        )

    # -------------------------------------------------------------- data

    def send(self, rows: Sequence[Row], uploaded_at: datetime) -> Answer:
        """Send a batch, all or none of it."""
        if len(rows) > self.batch_max:
            raise ValueError(f"{len(rows)} rows are more than a batch of {self.batch_max}")
        written, faults = self._writer.batch(rows, uploaded_at)
        if faults:
            return Answer(Outcome.REJECTED, None, "本端未发送：数据不符合接口要求", faults)
        address = self._address("centerDataURL")
        if not self._device or address is None:
            return Answer(Outcome.MOVED, None, "尚未在平台注册")
        key = self._key
        if key is None and self._settings.text("encryption") == "always":
            return Answer(Outcome.KEY_STALE, None, "要求加密，但平台没有给出密钥")
        body = self._sender() | {"data": self._encrypted(written, key) if key else self._clear(written)}
        reply = self._wire.post("data", address, body, row_count=len(rows), judge=self._reactions.verdict)
        return self._reactions.answer(reply, rows)

    def _clear(self, written: list[dict[str, str]]) -> list[dict[str, Any]]:
        if not self._writer.is_boolean:
            return list(written)
        return [{**row, "valid": row["valid"] == "true"} for row in written]

    @staticmethod
    def _encrypted(written: list[dict[str, str]], key: str) -> list[dict[str, str]]:
        fields = iter(sm4.encrypted_fields(key, [row[name] for row in written for name in MEMBERS]))
        return [{name: next(fields) for name in MEMBERS} for _ in written]

    # -------------------------------------------------------------- downloads

    def download(self, first: date, after: date) -> Iterator[Held] | None:
        """What the platform holds of [first, after); None where it cannot be asked. Raises DownloadError on the way."""
        address = self._address("centerDataDownloadURL")
        if not self._device or address is None:
            return None
        return Downloads(self._wire, self._settings, self._reactions, self._key).figures(
            address, self._sender(), first, after
        )

    def download_config(self) -> dict[str, Any] | None:
        """The declaration as the platform holds it, to restore a device; None where it cannot be asked.

        Raises DownloadError.
        """
        address = self._address("centerInfoDownloadURL")
        if not self._device or address is None:
            return None
        return Downloads(self._wire, self._settings, self._reactions, self._key).whole(address, self._sender())
