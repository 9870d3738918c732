"""How an enterprise becomes known to yunnan's platform: work key, application, token, versions, addresses."""

from __future__ import annotations

import base64
import binascii
import secrets
from datetime import datetime
from typing import Any

from plugins.province.sandbox.calls import Answer, Call, Refusal
from plugins.province.sandbox.cipher import DecryptionError, pin_of
from plugins.province.sandbox.misbehaviour import Deed
from plugins.province.sandbox.nhjc04 import DECRYPTION, IDENTITY
from plugins.province.sandbox.platform import ENTERPRISE_CODE, LOCAL, Enterprise

PROFILE = "yunnan"
PREFIX = "/YNEnergy"
INVALID, STALE, UNAUTHORIZED = 400, 409, 401


def answered(**data: Any) -> dict[str, Any]:
    return {"responseCode": 200, "responseMessage": "成功", "data": data}


def refusal(message: str, code: int = INVALID, status: int = 200) -> Refusal:
    return Refusal({"responseCode": code, "responseMessage": message, "data": None}, status)


def known_code(call: Call) -> str:
    code = call.body.get("enterpriseCode")
    if not isinstance(code, str) or not ENTERPRISE_CODE.fullmatch(code):
        raise refusal(f"enterpriseCode不是18位统一社会信用代码：{code!r:.40}")
    call.enterprise_code = code
    if call.fault(Deed.IDENTITY):
        raise refusal(IDENTITY)
    return code


def _known(call: Call) -> Enterprise:
    enterprise = call.platform.enterprise(PROFILE, known_code(call))
    if enterprise is None or not enterprise.secret_key:
        raise refusal("企业未获取工作密钥")
    return enterprise


def _pin(call: Call, enterprise: Enterprise) -> str:
    if call.fault(Deed.DECRYPTION):
        raise refusal(DECRYPTION)
    try:
        return pin_of(enterprise.secret_key, enterprise.code, call.body.get("password", ""))
    except DecryptionError:
        raise refusal(DECRYPTION) from None


def bearer(call: Call) -> Enterprise:
    """The enterprise whose token came along, which has to be the one that the body names."""
    scheme, _, token = call.request.headers.get("authorization", "").partition(" ")
    holder = call.platform.holder(token) if scheme == "Bearer" else None
    if holder is None:
        raise refusal("token无效或已过期", UNAUTHORIZED, UNAUTHORIZED)
    if holder != known_code(call):
        raise refusal(IDENTITY)
    enterprise = call.platform.enterprise(PROFILE, holder)
    if enterprise is None:
        raise refusal(IDENTITY)
    return enterprise


def require_versions(call: Call) -> None:
    if not call.platform.options.checks_versions:
        return
    state = call.state
    held = {"regVersion": state.registration_version, "dicVersion": state.dictionary_version}
    for name, version in held.items():
        if str(call.body.get(name)) != str(version):
            raise refusal(f"{name}与平台版本不一致：{call.body.get(name)!r:.40}", STALE)


def work_key(call: Call) -> Answer:
    """Obtain the work key; with the one that holds, get another; with an earlier one, get the one that holds."""
    code, given = known_code(call), call.body.get("secretKey")
    enterprise = call.platform.enterprise(PROFILE, code) or Enterprise(code)
    if given and given not in (enterprise.secret_key, *enterprise.former_keys):
        raise refusal("secretKey不正确")
    if not enterprise.secret_key or given == enterprise.secret_key:
        enterprise.renew_key()
        call.platform.keep(PROFILE, enterprise)
    return answered(secretKey=enterprise.secret_key)


def apply(call: Call) -> Answer:
    """Take the master data of an enterprise, or take them again."""
    enterprise = _known(call)
    return _master_data(call, enterprise)


def update(call: Call) -> Answer:
    enterprise = _known(call)
    if not enterprise.data_index or call.body.get("dataIndex") != enterprise.data_index:
        raise refusal("dataIndex不存在")
    return _master_data(call, enterprise)


def _master_data(call: Call, enterprise: Enterprise) -> Answer:
    pin = _pin(call, enterprise)
    known = call.platform.dictionaries
    name, region, industry = (call.body.get(key) for key in ("cmpName", "regionCode", "industryCode"))
    if not isinstance(name, str) or not name.strip():
        raise refusal("cmpName为必填项")
    if not isinstance(region, str) or not known.knows_region(region):
        raise refusal(f"regionCode不在字典中：{region!r:.40}")
    if not isinstance(industry, str) or industry[:3] not in known.codes["industry"]:
        raise refusal(f"industryCode不在字典中：{industry!r:.40}")
    try:
        base64.b64decode(call.body.get("license") or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise refusal("license不是base64编码的图片") from None
    enterprise.pin, enterprise.region = pin, region
    enterprise.data_index = enterprise.data_index or secrets.token_hex(16)
    enterprise.config = {key: value for key, value in call.body.items() if key not in ("password", "license")}
    call.platform.keep(PROFILE, enterprise)
    return answered(dataIndex=enterprise.data_index)


def request_token(call: Call) -> Answer:
    enterprise = _known(call)
    if not enterprise.data_index:
        raise refusal("企业未申请")
    if not secrets.compare_digest(_pin(call, enterprise), enterprise.pin):
        raise refusal("密码错误")
    began_at = call.platform.now()
    token, ends_at = call.platform.issue_token(enterprise.code)
    return answered(
        akValidAt=_instant(began_at),
        akExpiresIn=_instant(ends_at),
        enterpriseUploadTime=call.platform.options.upload_time,
        platformURL=f"{call.origin}{PREFIX}",
        token=token,
    )


def _instant(moment: datetime) -> str:
    local = moment.astimezone(LOCAL)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.microsecond // 1000:03d}"


def _base(call: Call) -> str:
    return f"{call.origin}{PREFIX}/v{call.state.generation}"


def check_version(call: Call) -> Answer:
    bearer(call)
    return answered(
        dicVersion=str(call.state.dictionary_version),
        regVersion=str(call.state.registration_version),
        loadPlatformDataURL=f"{_base(call)}/dataDownload",
    )


def addresses(call: Call) -> Answer:
    bearer(call)
    base = _base(call)
    return answered(
        enterpriseDataURL=f"{base}/data",
        enterpriseDataDownloadURL=f"{base}/data/download",
        enterpriseInfoURL=f"{base}/info",
        enterpriseInfoDownloadURL=f"{base}/info/download",
        loadBaseDataURL=f"{base}/dataDownload",
        organizationDataURL=f"{base}/organization",  # of public institutions, which the sandbox does not serve
    )
