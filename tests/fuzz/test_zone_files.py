"""Whatever a zone file holds: it is a zone that routes, or one line says why not."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox_mta.mta.mx import Router
from sandbox_mta.mta.zone_files import ZoneFileError, read_zone, remarks

WORDS = (
    *("@", "a", "mx", "*", "_25._tcp.mx", "x" * 64, "é", "\\999", "\\#", ".", "..", "", "\x00"),
    *("$ORIGIN", "$TTL", "$GENERATE", "$INCLUDE", "IN", "CH", "1h", "300", "-1", "9" * 20),
    *("MX", "A", "AAAA", "TXT", "CNAME", "SOA", "NS", "TLSA", "OPT", "TYPE65"),
    *("10", "0", "192.0.2.1", "2001:db8::1", '"v=STSv1; id=1"', '"', "(", ")", ";"),
    *("; sim-fault:", "; sim-tls:", "SERVFAIL", "none", "mode: enforce"),
)
GOOD = "@ MX 10 mx\nmx A 192.0.2.1\n"

texts = st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=20).flatmap(
    lambda words: st.lists(
        st.sampled_from([" ", "\t", "\n", ""]), min_size=len(words), max_size=len(words)
    ).map(lambda gaps: "".join(map("".join, zip(words, gaps, strict=True))))
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=texts, head=st.sampled_from(["", GOOD]))
def test_any_text_is_a_zone_or_a_line(tmp_path: Path, text: str, head: str) -> None:
    path = tmp_path / "fuzz.test.zone"
    path.write_bytes((head + text).encode("utf-8", "surrogatepass"))

    try:
        zone = read_zone(path)
        assert all("\n" not in remark for remark in remarks(path))
    except ZoneFileError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
        return
    router = Router([zone])
    for domain in ("fuzz.test", "mx.fuzz.test", "a.fuzz.test", zone.origin):
        router.route(domain)
