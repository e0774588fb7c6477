"""The test suite of openspf.org for RFC 7208, which pyspf's source carries."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

import pytest
import yaml

from msa.auth.spf import check_host
from tests.published import source_of
from tests.unit.msa.auth.records import FAILS, Records

pytestmark = pytest.mark.slow


def records_of(zone: Mapping[str, Any]) -> Records:
    """Turn a zone of the suite into ours: SPF records count as TXT unless there are some."""
    return Records({name.lower(): _entries(entries) for name, entries in zone.items()})


def _entries(entries: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    records = [record for entry in entries if entry != "TIMEOUT" for record in entry.items()]
    own_text = any(kind == "TXT" for kind, _ in records)
    for kind, value in records:
        if value == "NONE":
            continue
        text = "".join(value) if kind in ("TXT", "SPF") and isinstance(value, list) else value
        as_text = kind == "SPF" and not own_text
        found.setdefault("TXT" if as_text else kind, []).append(
            FAILS if text == "TIMEOUT" else text
        )
    if "TIMEOUT" in entries:  # so end look-ups of every type that has no record
        for kind in {"TXT", "A", "AAAA", "MX", "PTR"} - found.keys():
            found[kind] = [FAILS]
    return found


def cases() -> Iterator[tuple[str, Mapping[str, Any], Mapping[str, Any]]]:
    path = source_of("pyspf==2.0.14") / "test" / "rfc7208-tests.yml"
    for scenario in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        for name, case in scenario["tests"].items():
            yield f"{scenario['description']}: {name}", case, scenario["zonedata"]


def test_every_case_of_the_suite_has_its_result() -> None:
    wrong = []
    count = 0
    for name, case, zone in cases():
        count += 1
        sender, helo = case["mailfrom"], case["helo"]
        domain = sender.rpartition("@")[2] if sender else helo
        outcome = check_host(ip_address(case["host"]), domain, sender, helo, records_of(zone))
        wanted = case["result"] if isinstance(case["result"], list) else [case["result"]]
        if outcome.result not in wanted:
            wrong.append(f"{name}: {outcome.result} ({outcome.reason}), not {wanted}")

    assert count >= 200
    assert wrong == []
