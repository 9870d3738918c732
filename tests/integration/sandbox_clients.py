"""Clients of the sandbox for its tests: they write the wire by hand, with none of the sender's code."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, Self

import requests
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

from plugins.province.sandbox.server import Sandbox

ENTERPRISE = "91530181MA00000004"
REGION = "530181"
NOW = datetime(2026, 10, 9, 1, 38, tzinfo=timezone(timedelta(hours=8)))
ELECTRICITY = "00-00-0000-023300-11"
COAL = "00-00-0000-010104-11"
STEEL = "06-01-0901-023300-11"
ENTERPRISE_FIELDS = {
    "code": ENTERPRISE,
    "name": "试验厂",
    "typeCode": "159",
    "typeName": "其他有限责任公司",
    "industryCode": "C3120",
    "regionCode": REGION,
    "center": "530000",
    "corporationCode": "MA0000000",
    "jgzh": "否",
    "energyConsumeLevel": "1",
    "latitude": "24.92",
    "longitude": "102.48",
    "phone": "0871-00000000",
}


def item(code: str, **changed: Any) -> dict[str, Any]:
    """The declaration of one item, from its code."""
    process, unit, equipment, energy, usage = code.split("-")
    return {
        "name": code,
        "processCode": process,
        "processUnitCode": unit,
        "equipmentCode": equipment[:2],
        "equipmentUnitCode": equipment[2:],
        "energyClassCode": energy[:2],
        "energyTypeCode": energy[2:],
        "dataUsageCode": usage,
        "inputType": "4",
        "statType": "1",
        "scope": "1",
    } | changed


def row(
    code: str = ELECTRICITY, value: str = "123.45", stat_date: str = "2026-10-08 00:00:00", **changed: Any
) -> dict[str, Any]:
    """A row of data that is accepted at NOW, unless changed."""
    return {
        "dataCode": code,
        "dataValue": value,
        "inputType": "4",
        "statType": "1",
        "statDate": stat_date,
        "uploadDate": "2026-10-09 01:38:00",
        "scope": "1",
        "valid": "0",
    } | changed


def encrypted(rows: list[dict[str, Any]], key: str) -> list[dict[str, str]]:
    """Rows with each member encrypted by SM4/ECB/PKCS7, one by one."""
    return [{name: _encrypted(str(value), key) for name, value in row.items()} for row in rows]


def _encrypted(text: str, key: str) -> str:
    plain = text.encode()
    padding = 16 - len(plain) % 16
    encryptor = Cipher(SM4(bytes.fromhex(key)), modes.ECB()).encryptor()  # noqa: S305
    return (encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()).hex()


def password_block(pin: str, key: str, enterprise: str = ENTERPRISE) -> str:
    """A pin as yunnan wants it: SM4-CBC of its length, itself, and F up to 16."""
    encryptor = Cipher(SM4(key[:16].encode()), modes.CBC(enterprise[:16].encode())).encryptor()
    return (encryptor.update(f"{len(pin):02d}{pin}".ljust(16, "F").encode()) + encryptor.finalize()).hex()


class Client:
    """Posts JSON and keeps its connection, as a device does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def response(self, url: str, body: Any, **options: Any) -> requests.Response:
        return self.session.post(url, json=body, timeout=20, allow_redirects=False, **options)


class Nhjc04(Client):
    """A device of the generic profile."""

    def __init__(self, sandbox: Sandbox, enterprise: str = ENTERPRISE) -> None:
        super().__init__(sandbox.nhjc04_url)
        self.enterprise = enterprise
        self.told: dict[str, Any] = {}

    def register(self, **changed: Any) -> dict[str, Any]:
        body = {"enterpriseCode": self.enterprise, "region": REGION} | changed
        answer: dict[str, Any] = self.response(f"{self.url}/enterprise/register", body).json()
        if answer["responseCode"] == "0":
            self.told = answer
        return answer

    def at(self, name: str, **body: Any) -> requests.Response:
        """Post to one of the URLs that registration gave."""
        identity = {"deviceId": self.told["deviceId"], "enterpriseCode": self.enterprise}
        return self.response(self.told[name], identity | body)

    def declare(self, *codes: str, **changed: Any) -> dict[str, Any]:
        """Upload a configuration with these items and the processes and units they name."""
        parts = [code.split("-") for code in codes]
        body = {
            "enterprise": ENTERPRISE_FIELDS | {"code": self.enterprise},
            "process": [{"processCode": p, "processName": p} for p in sorted({part[0] for part in parts} - {"00"})],
            "processUnit": [
                {"code": unit, "name": unit, "processCode": process}
                for process, unit in sorted({(part[0], part[1]) for part in parts if part[1] != "00"})
            ],
            "collectItemConfig": [item(code) for code in codes],
        } | changed
        answer: dict[str, Any] = self.at("centerInfoURL", **body).json()
        return answer

    def send(self, *rows: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.at("centerDataURL", data=list(rows)).json()
        return answer


class Yunnan(Client):
    """A device of Yunnan's profile, which does its first steps by `register` and keeps its dataIndex."""

    def __init__(self, sandbox: Sandbox, pin: str = "nd2026") -> None:
        super().__init__(f"{sandbox.yunnan_url}/YNEnergy")
        self.pin = pin
        self.key = self.token = self.data_index = ""
        self.urls: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def post(self, path: str, is_signed: bool = True, **body: Any) -> requests.Response:
        """Post to a path below the profile's, or to a whole URL."""
        headers = {"Authorization": f"Bearer {self.token}"} if is_signed else {}
        url = path if path.startswith("http") else f"{self.url}/{path}"
        return self.response(url, {"enterpriseCode": ENTERPRISE} | body, headers=headers)

    def said(self, path: str, is_signed: bool = True, **body: Any) -> dict[str, Any]:
        """The data of an answer that has to be a success."""
        answer = self.post(path, is_signed, **body).json()
        assert answer["responseCode"] == 200, answer
        return dict(answer["data"])

    def apply(self, path: str = "enterpriseInfo/apply", **changed: Any) -> requests.Response:
        body = {
            "password": password_block(self.pin, self.key),
            "cmpName": "试验厂",
            "regionCode": REGION,
            "industryCode": "C3120",
            "license": "iVBORw0KGgo=",
        }
        return self.post(path, False, **body | changed)

    def register(self) -> None:
        """Key, application, token, versions, addresses."""
        self.key = self.said("enterpriseInfo/rwk", False)["secretKey"]
        self.data_index = self.apply().json()["data"]["dataIndex"]
        self.renew()

    def renew(self) -> None:
        self.token = self.said("requestAK", False, password=password_block(self.pin, self.key))["token"]
        self.versions = {name: self.said("checkVersion")[name] for name in ("regVersion", "dicVersion")}
        self.urls = self.said("platformAccessURL")

    def configure(self, kind: str, act: str, **body: Any) -> requests.Response:
        return self.post(f"{self.urls['enterpriseInfoURL']}/{kind}/{act}", **self.versions | body)

    def declare(self, code: str) -> requests.Response:
        return self.configure("dataCollectConfigure", "add", **item(code), dataCode=code.replace("-", ""))

    def send(self, **changed: Any) -> requests.Response:
        """Post one record, which is accepted at NOW unless changed."""
        body = row(ELECTRICITY.replace("-", "")) | {"convertRation": "1.229"} | self.versions | changed
        return self.post(self.urls["enterpriseDataURL"], **body)
