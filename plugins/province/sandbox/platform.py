"""The platform behind both profiles: who is registered, which versions and addresses hold, what is frozen."""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from plugins.province.sandbox.checks import Checker
from plugins.province.sandbox.declared import declared_code, nhjc04_items
from plugins.province.sandbox.dictionaries import Dictionaries
from plugins.province.sandbox.misbehaviour import Deed, Fault, Misbehaviour
from plugins.province.sandbox.options import PROFILES, Options
from plugins.province.sandbox.store import Store

LOCAL = timezone(timedelta(hours=8))
LOG_LENGTH = 20_000
ENTERPRISE_CODE = re.compile(r"[0-9A-Z]{18}")
INPUT_TYPES = {"nhjc04": "12345", "yunnan": "1234567"}


@dataclass
class Enterprise:
    """What one profile knows of one enterprise."""

    code: str
    region: str = ""
    device_id: str = ""
    secret_key: str = ""
    former_keys: list[str] = field(default_factory=list)
    pin: str = ""
    data_index: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    """The declaration; of yunnan the master data."""
    metering: list[Any] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What was added to yunnan's configuration, by dataIndex; `kind` says to which list."""
    items: dict[str, Any] = field(default_factory=dict)
    """The declared items by hyphenated code."""

    def told(self) -> dict[str, Any]:
        """All but the lists that are kept otherwise."""
        return {name: value for name, value in vars(self).items() if name not in {"records", "items"}}

    def renew_key(self) -> None:
        self.former_keys = [*self.former_keys, self.secret_key][-10:] if self.secret_key else []
        self.secret_key = secrets.token_hex(16)

    def find_items(self) -> None:
        """Work out the items from what was declared."""
        if self.records:
            declared = [row for row in self.records.values() if row["kind"] == "dataCollectConfigure"]
            self.items = {code: row for row in declared if (code := declared_code(row)) is not None}
        else:
            self.items = nhjc04_items(self.config.get("collectItemConfig", []))


@dataclass
class State:
    """What one profile tells its clients; it outlives a restart."""

    generation: int = 1
    """Of the URLs: those of an earlier one are gone."""
    registration_version: int = 1
    dictionary_version: int = 1


class Platform:
    """One sandbox; all of it is used by the server's event loop alone."""

    def __init__(
        self, options: Options | None = None, path: Path | None = None, clock: Callable[[], datetime] | None = None
    ) -> None:
        self.options = options or Options()
        self.store = Store(path)
        self.dictionaries = Dictionaries()
        self.misbehaviour = Misbehaviour()
        self.log: deque[dict[str, Any]] = deque(maxlen=LOG_LENGTH)
        self.tokens: dict[str, tuple[str, datetime]] = {}
        self._clock = clock
        self._shift = timedelta()
        self._stopped_at: datetime | None = None
        kept = self.store.kept("state")
        self.states = {name: State(**kept.get(name, {})) for name in PROFILES}
        self.frozen: list[list[str]] = kept.get("frozen", [])
        for name, entries in kept.get("dictionaries", {}).items():
            self.dictionaries.add(name, entries)
        self._added: dict[str, list[dict[str, Any]]] = kept.get("dictionaries", {})
        self._enterprises: dict[tuple[str, str], Enterprise] = {}
        for name, body in self.store.kept("enterprise").items():
            profile, _, code = name.partition("/")
            self._enterprises[profile, code] = Enterprise(**body)
        for name, body in self.store.kept("record").items():
            code, _, data_index = name.partition("/")
            self._enterprises["yunnan", code].records[data_index] = body
        for enterprise in self._enterprises.values():
            enterprise.find_items()
        self._devices = {
            enterprise.device_id: enterprise for enterprise in self._enterprises.values() if enterprise.device_id
        }
        self._checkers: dict[tuple[str, str], Checker] = {}

    # ------------------------------------------------------------ time
    def now(self) -> datetime:
        """The platform's instant, UTC."""
        if self._stopped_at is not None:
            return self._stopped_at
        return (self._clock().astimezone(UTC) if self._clock else datetime.now(UTC)) + self._shift

    def local_now(self) -> datetime:
        """The platform's local time, without an offset, as all times on the wire are."""
        return self.now().astimezone(LOCAL).replace(tzinfo=None)

    def set_clock(self, now: datetime | None, is_stopped: bool) -> None:
        """Let the clock stand at, or run from, an instant; None: today's time."""
        self._stopped_at, self._shift = None, timedelta()
        if now is not None and is_stopped:
            self._stopped_at = now.astimezone(UTC)
        elif now is not None:
            self._shift = now - self.now()

    # ------------------------------------------------------------ enterprises
    def enterprise(self, profile: str, code: Any) -> Enterprise | None:
        return self._enterprises.get((profile, code)) if isinstance(code, str) else None

    def enterprises(self) -> list[tuple[str, Enterprise]]:
        return [(profile, enterprise) for (profile, _), enterprise in sorted(self._enterprises.items())]

    def of_device(self, device_id: Any) -> Enterprise | None:
        return self._devices.get(device_id) if isinstance(device_id, str) else None

    def keep(self, profile: str, enterprise: Enterprise) -> None:
        """Write an enterprise after a change; what was found out of its codes is forgotten."""
        self._enterprises[profile, enterprise.code] = enterprise
        if enterprise.device_id:
            self._devices[enterprise.device_id] = enterprise
        self._checkers.pop((profile, enterprise.code), None)
        self.store.keep("enterprise", f"{profile}/{enterprise.code}", enterprise.told())

    def keep_record(self, enterprise: Enterprise, data_index: str, record: dict[str, Any] | None) -> None:
        """Write one record of yunnan's configuration, or None in its place."""
        before = enterprise.records.pop(data_index, None)
        name = f"{enterprise.code}/{data_index}"
        if record is None:
            self.store.drop("record", name)
        else:
            enterprise.records[data_index] = record
            self.store.keep("record", name, record)
        if "dataCollectConfigure" in {row["kind"] for row in (before, record) if row}:
            code = None if before is not None or record is None else declared_code(record)
            if code is None:
                enterprise.find_items()
            else:
                enterprise.items[code] = record
            self._checkers.pop(("yunnan", enterprise.code), None)

    def checker(self, profile: str, enterprise: Enterprise) -> Checker:
        key = (profile, enterprise.code)
        if key not in self._checkers:
            self._checkers[key] = Checker(self.dictionaries, enterprise.items, INPUT_TYPES[profile])
        return self._checkers[key]

    # ------------------------------------------------------------ tokens
    def issue_token(self, code: str) -> tuple[str, datetime]:
        token, ends_at = secrets.token_hex(32), self.now() + timedelta(seconds=self.options.token_lifetime_s)
        self.tokens[token] = (code, ends_at)
        return token, ends_at

    def holder(self, token: str) -> str | None:
        """The enterprise a token was given to, while it holds."""
        code, ends_at = self.tokens.get(token, (None, None))
        return code if ends_at is not None and self.now() < ends_at else None

    # ------------------------------------------------------------ changes
    def is_frozen(self, stat_date: str) -> bool:
        return any(first <= stat_date[:10] <= last for first, last in self.frozen)

    def add_codes(self, name: str, entries: list[dict[str, Any]]) -> None:
        """More codes in a dictionary, and with them a new dicVersion."""
        self.dictionaries.add(name, entries)
        self._added.setdefault(name, []).extend(entries)
        self._checkers.clear()
        self.change(Deed.BUMP_DICTIONARIES)

    def change(self, deed: Deed, profile: str | None = None, first: str = "", last: str = "") -> None:
        """One of the changes that hold on, for one profile or both."""
        if deed is Deed.FREEZE:
            date.fromisoformat(first), date.fromisoformat(last)  # ValueError, before anything changes
        profiles = PROFILES if profile is None else (profile,)
        for name in profiles:
            state = self.states[name]
            if deed is Deed.MOVE_URLS:
                state.generation += 1
            elif deed is Deed.BUMP_REGISTRATION:
                state.registration_version += 1
            elif deed is Deed.BUMP_DICTIONARIES:
                state.dictionary_version += 1
        if deed is Deed.ROTATE_KEYS:
            for owner, enterprise in self.enterprises():
                if owner in profiles and enterprise.secret_key:
                    enterprise.renew_key()
                    self.keep(owner, enterprise)
        elif deed is Deed.EXPIRE_TOKENS:
            self.tokens.clear()
        elif deed is Deed.FREEZE:
            self.frozen.append([first, last])
        elif deed is Deed.THAW:
            self.frozen.clear()
        self._keep_state()

    def suffer(self, profile: str, faults: list[Fault]) -> None:
        """Make the changes among the faults that befall a message."""
        for fault in faults:
            if fault.deed is Deed.FREEZE:
                self.change(fault.deed, first=fault.options["first"], last=fault.options["last"])
            elif fault.deed in (Deed.EXPIRE_TOKENS, Deed.THAW):
                self.change(fault.deed)
            else:
                self.change(fault.deed, profile)

    def _keep_state(self) -> None:
        for name, state in self.states.items():
            self.store.keep("state", name, asdict(state))
        self.store.keep("state", "frozen", self.frozen)
        self.store.keep("state", "dictionaries", self._added)
