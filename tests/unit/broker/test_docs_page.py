"""docs/broker.md says what the code does."""

import re
from pathlib import Path

from bridge.broker.codes import Api
from bridge.broker.server import MAX_REQUEST_OCTETS, MAX_SMALL_REQUEST_OCTETS, Limits
from bridge.broker.wire import MAX_ELEMENTS, VERSIONS

PAGE = (Path(__file__).parents[3] / "docs" / "broker.md").read_text(encoding="utf-8")


def test_the_page_lists_every_request_in_its_versions_and_no_other() -> None:
    cells = re.findall(r"\| ([A-Z]\w+) \| (\d+)(?:-(\d+))? (?=\|)", PAGE)

    listed = {name.lower(): (int(low), int(high or low)) for name, low, high in cells}
    spoken = {api.name.replace("_", "").lower(): VERSIONS[api] for api in Api}
    assert listed == spoken


def test_the_page_names_the_limits() -> None:
    limits = Limits()
    text = " ".join(PAGE.split())

    assert f"{MAX_REQUEST_OCTETS // 2**20} MiB for Produce" in text
    assert f"{MAX_SMALL_REQUEST_OCTETS // 2**20} MiB for everything else" in text
    assert f"{MAX_ELEMENTS:,} array elements" in text
    assert f"{limits.connections} connections" in text
    assert f"{limits.idle_s:.0f} s of silence" in text
    assert f"stalls for {limits.stalled_s:.0f} s" in text
