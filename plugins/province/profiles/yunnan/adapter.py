"""Yunnan's platform (upload-contract §3): work key, application, token, versions, addresses, one record per POST."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from plugins.province import sm4
from plugins.province.answers import WrongShapeError, codes_of, object_of, text_of
from plugins.province.codes import COMPOSITE, CONVERTIBLE, item_code
from plugins.province.context import Context
from plugins.province.declarations import Declaration, Problem
from plugins.province.profiles import Answer, Held, Outcome, Row
from plugins.province.profiles.yunnan.records import Records
from plugins.province.profiles.yunnan.session import Session
from plugins.province.reactions import Reactions
from plugins.province.rows import RowError, Writer, decimal_text
from plugins.province.settings import Settings
from plugins.province.wire import Verdict, Wire

ADDRESSES = (
    "enterpriseDataURL", "enterpriseDataDownloadURL", "enterpriseInfoURL", "enterpriseInfoDownloadURL",
    "loadBaseDataURL", "organizationDataURL",
)  # fmt: skip
_LARGEST_LICENSE = 2 << 20
_INDEX = re.compile(r"\S{1,64}")


class Adapter:
    """Speaks to Yunnan's platform for one run of one destination."""

    def __init__(self, wire: Wire, context: Context, settings: Settings, document: Mapping[str, Any]) -> None:
        """Nothing is asked of the platform yet."""
        self._wire, self._context, self._settings, self._document = wire, context, settings, document
        self._reactions, self._writer = Reactions(settings), Writer(settings)
        self._session = Session(wire, context, settings, self._reactions)
        self.batch_max = 1
        self.concurrency = max(1, settings.number("concurrency"))
        self._data_url: str | None = None
        self._enterprise: dict[str, str] = context.state.get("enterprise") or {"regionCode": context.region_code}

    @property
    def slot(self) -> time | None:
        """The daily slot that the platform assigned."""
        text = self._context.state.get("slot")
        return time.fromisoformat(text) if text else None

    # -------------------------------------------------------------- registration and versions

    def register(self) -> Answer:
        """Work key, application where there was none, token, versions, addresses; stops at the first refusal."""
        self._data_url = None
        answer = self._session.obtain_key()
        if answer.is_accepted and not self._context.state.get("is_applied"):
            answer = self._apply(self._enterprise)
            if answer.outcome is Outcome.REJECTED:  # it may have been applied for before us: then there is a token
                token = self._session.obtain_token()
                answer = token if token.is_accepted else answer
            if answer.is_accepted:
                self._context.state["is_applied"] = True
                self._context.save()
        for step in (self._session.obtain_token, self._read_versions, self._read_addresses):
            if answer.is_accepted:
                answer = step()
        return answer

    def check_versions(self) -> Answer:
        """Compare versions; registers where something of a registration is missing.

        The first application carries the enterprise's master data, so it waits for ``sync``.
        """
        state = self._context.state
        if not state.get("is_applied"):
            return Answer(Outcome.ACCEPTED, None, "首次注册随基础信息一并申报")
        if not self._context.sealed.get("token") or "urls" not in state or "reg_version" not in state:
            return self.register()
        held = state["reg_version"]
        answer = self._read_versions()
        if answer.is_accepted and state["reg_version"] != held:
            answer = self._read_addresses()
        return answer

    def _apply(self, enterprise: Mapping[str, str]) -> Answer:
        """Hand in the master data: anew, or over those that the platform holds by dataIndex."""
        state = self._context.state
        try:
            password = self._session.password()
        except sm4.CipherError as error:
            return Answer(Outcome.REJECTED, None, f"本端未发送：{error}")
        body: dict[str, Any] = {"enterpriseCode": self._context.enterprise_code, "password": password}
        body["isorg"] = "1" if self._settings.flag("is_public_body") else "0"
        body |= enterprise
        if license_image := _license(self._context.secrets.get("license")):
            body["license"] = license_image
        is_update = bool(state.get("data_index"))
        if is_update:
            body["dataIndex"] = state["data_index"]
        found: list[str] = []

        def judge(answer: dict[str, Any]) -> Verdict:
            verdict = self._reactions.verdict(answer)
            if verdict.outcome == "accepted" and not is_update:
                found.append(_data_index(answer))
            return verdict

        path = "update" if is_update else "apply"
        reply = self._wire.post("register", self._session.own_address(path), body, judge=judge)
        if reply.is_accepted and found:
            state["data_index"] = found[0]
            self._context.save()
        return self._reactions.answer(reply)

    def _read_versions(self) -> Answer:
        found: dict[str, str] = {}

        def judge(answer: dict[str, Any]) -> Verdict:
            verdict = self._reactions.verdict(answer)
            if verdict.outcome == "accepted":
                data = object_of(answer, "data")
                for ours, theirs in (("reg_version", "regVersion"), ("dic_version", "dicVersion")):
                    version = text_of(data, theirs)
                    if version is None:
                        raise WrongShapeError(f"版本应答没有 {theirs}")
                    found[ours] = version
                if url := text_of(data, "loadPlatformDataURL"):
                    found["dictionary_url"] = self._wire.checked(url)
            return verdict

        answer = self._session.ask("version", self._session.platform_address("check_version"), {}, judge)
        if answer.is_accepted:
            self._context.state.update(found)
            self._context.save()
        return answer

    def _read_addresses(self) -> Answer:
        found: dict[str, str] = {}

        def judge(answer: dict[str, Any]) -> Verdict:
            verdict = self._reactions.verdict(answer)
            if verdict.outcome == "accepted":
                data = object_of(answer, "data")
                found.update({name: self._wire.checked(url) for name in ADDRESSES if (url := text_of(data, name))})
            return verdict

        answer = self._session.ask("urls", self._session.platform_address("platform_url"), {}, judge)
        if answer.is_accepted:
            self._context.state["urls"] = found
            self._data_url = None
            self._context.save()
        return answer

    # -------------------------------------------------------------- dictionaries and declaration

    def sync(self, declaration: Declaration) -> list[Problem]:
        """Fetch the dictionaries and declare the site, where either changed since it was last accepted."""
        problems = list(declaration.problems)
        state = self._context.state
        enterprise = self._enterprise = self._master_data(declaration)
        if not state.get("is_applied"):
            answer = self.register()
            if not answer.is_accepted:
                return [*problems, _problem("注册申请", answer)]
            if state.get("data_index"):
                state["enterprise"] = enterprise
                self._context.save()
        if state.get("dictionary_version") is None or state["dictionary_version"] != state.get("dic_version"):
            problems += self._fetch_dictionaries()
        if state.get("enterprise") != enterprise:
            answer = self._apply(enterprise)
            if answer.is_accepted:
                state["enterprise"] = enterprise
                self._context.save()
            else:
                problems.append(_problem("用能单位基础信息", answer))
        records = Records(self._session, self._context, self._document["objects"], self._writer, self._info_address())
        return problems + records.sync(declaration)

    def _master_data(self, declaration: Declaration) -> dict[str, str]:
        held = dict(declaration.enterprise) | {f"group.{name}": value for name, value in declaration.group.items()}
        return {theirs: held[ours] for theirs, ours in self._document["enterprise"].items() if held.get(ours)}

    def _fetch_dictionaries(self) -> list[Problem]:
        """Every dictionary by its itemIndex; the version is noted only when all of them came."""
        state, problems = self._context.state, []
        version = state.get("dic_version") or ""
        url = state.get("urls", {}).get("loadBaseDataURL") or state.get("dictionary_url")
        closed = url or self._session.platform_address("dictionaries")
        public = self._session.platform_address("public_dictionaries")
        if url and public.startswith(self._session.platform_address("dictionaries")):
            public = url.rstrip("/") + public.removeprefix(self._session.platform_address("dictionaries"))
        for address, table in ((public, "public"), (closed, "closed")):
            for index, name in self._settings.table(f"dictionaries.{table}").items():
                answer = self._fetch_dictionary(address, index, name, version, is_open=table == "public")
                if not answer.is_accepted:
                    problems.append(_problem(f"数据字典 {name}", answer))
                    if answer.outcome is not Outcome.REJECTED:
                        return problems  # nothing answers: the others would only wait too
        if not problems:
            state["dictionary_version"] = version
            self._context.save()
        return problems

    def _fetch_dictionary(self, address: str, index: str, name: str, version: str, *, is_open: bool) -> Answer:
        found: list[dict[str, Any]] = []

        def judge(answer: dict[str, Any]) -> Verdict:
            verdict = self._reactions.verdict(answer)
            if verdict.outcome == "accepted":
                rows = object_of(answer, "data").get(name)
                found.extend([] if rows is None else codes_of(rows, name))
            return verdict

        body = {"itemIndex": index}
        answer = (
            self._session.ask_openly("dictionary", address, body, judge)
            if is_open
            else self._session.ask("dictionary", address, body, judge)
        )
        if answer.is_accepted:
            self._context.save_dictionary(name, version, found)
        return answer

    def _info_address(self) -> str:
        return self._context.state.get("urls", {}).get("enterpriseInfoURL") or self._session.platform_address("info")

    # -------------------------------------------------------------- data

    def send(self, rows: Sequence[Row], uploaded_at: datetime) -> Answer:
        """Send one record."""
        if len(rows) > self.batch_max:
            raise ValueError(f"{len(rows)} rows are more than one")
        state = self._context.state
        if "reg_version" not in state or not self._context.sealed.get("token"):
            return Answer(Outcome.MOVED, None, "尚未在平台注册")
        try:
            record = self._writer.members(rows[0], self._writer.upload_date(uploaded_at))
            record["convertRation"] = self._ratio(rows[0])
        except RowError as error:
            return Answer(Outcome.REJECTED, None, "本端未发送：数据不符合接口要求", {0: str(error)})
        return self._session.ask("data", self._data_address(), self._versions() | record, rows=rows)

    def _ratio(self, row: Row) -> str:
        """The coefficient that the value is converted with: 1 where it is in standard coal already, or never is."""
        energy = item_code(row.data_code).energy
        if energy[2:] == COMPOSITE or (row.convert_ratio is None and energy[:2] not in CONVERTIBLE):
            return "1"
        if row.convert_ratio is None:
            raise RowError("没有折标系数：请在能源品种台账中填写")
        return decimal_text(row.convert_ratio, self._settings.number("ratio_length"))

    def _versions(self) -> dict[str, Any]:
        state = self._context.state
        return {"regVersion": state["reg_version"], "dicVersion": state["dic_version"]}

    def _data_address(self) -> str:
        """Where records go: the address that was handed out, with the message's name behind it."""
        if self._data_url is None:
            handed = self._context.state.get("urls", {}).get("enterpriseDataURL")
            name = self._settings.text("paths.data").rpartition("/")[2]
            if handed is None:
                self._data_url = self._session.platform_address("data")
            elif handed.rstrip("/").endswith(f"/{name}"):
                self._data_url = handed
            else:
                self._data_url = f"{handed.rstrip('/')}/{name}"
        return self._data_url

    def download(self, first: date, after: date) -> Iterator[Held] | None:  # noqa: ARG002 (nobody has seen it asked)
        """None: how this platform is asked for what it holds is not known."""
        return None


def _data_index(answer: dict[str, Any]) -> str:
    index = text_of(object_of(answer, "data"), "dataIndex")
    if index is None or not _INDEX.fullmatch(index):
        raise WrongShapeError("应答没有可用的 dataIndex")
    return index


def _license(path: str | None) -> str | None:
    """The image of the business licence, where the site has named a file that can be read."""
    if not path:
        return None
    try:
        image = Path(path).read_bytes()
    except OSError:
        return None
    return base64.b64encode(image).decode() if len(image) <= _LARGEST_LICENSE else None


def _problem(title: str, answer: Answer) -> Problem:
    told = answer.message or answer.outcome.value
    return Problem(title, f"平台未接受{title}：{told}", "按平台给出的原因改正台账，下次上报时自动重传")
