"""Profile yunnan: key, application, token, versions, addresses, dictionaries, configuration by record, and data.

Each answer is an envelope `{responseCode, responseMessage, data}`. The first steps have fixed paths. The others are
told by platformAccessURL and take both the address as it is told and with the message's own name behind it; until
addresses move, the names that clients were seen to use lead there too.
"""

from __future__ import annotations

from fastapi import APIRouter

from plugins.province.sandbox.calls import route
from plugins.province.sandbox.platform import Platform
from plugins.province.sandbox.yunnan_access import (
    PREFIX,
    PROFILE,
    addresses,
    apply,
    check_version,
    request_token,
    update,
    work_key,
)
from plugins.province.sandbox.yunnan_records import (
    closed_dictionary,
    configure,
    data,
    data_download,
    info_download,
    public_dictionary,
)


def router(platform: Platform) -> APIRouter:
    """The profile's paths; those of a generation stand before the names that would else catch them."""
    made = APIRouter(prefix=PREFIX)
    fixed = (
        ("key", "/enterpriseInfo/rwk", work_key),
        ("register", "/enterpriseInfo/apply", apply),
        ("register", "/enterpriseInfo/update", update),
        ("token", "/requestAK", request_token),
        ("version", "/checkVersion", check_version),
        ("urls", "/platformAccessURL", addresses),
    )
    movable = (
        ("dictionary", "/dataDownload/public", public_dictionary),
        ("dictionary", "/dataDownload", closed_dictionary),
        ("dictionary", "/{generation}/dataDownload/public", public_dictionary),
        ("dictionary", "/{generation}/dataDownload", closed_dictionary),
        ("data", "/dataEnterpriseEnergy", data),
        ("data", "/{generation}/data", data),
        ("data", "/{generation}/data/dataEnterpriseEnergy", data),
        ("download", "/{generation}/data/download", data_download),
        ("download", "/{generation}/info/download", info_download),
        ("config", "/{generation}/info/{kind}/{act}", configure),
        ("config", "/{kind}/{act}", configure),
    )
    for message, path, handler in fixed:
        route(made, platform, PROFILE, message, path, handler)
    for message, path, handler in movable:
        route(made, platform, PROFILE, message, path, handler, is_movable=True)
    return made
