"""Rendering: the outcome, the place of a mistake, and what a template can't do."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.rendering.catalogue import Catalogue
from bridge.rendering.template import Rendered, RenderFault

Folder = Callable[..., Path]


def render(folder: Folder, source: str, data: dict[str, Any], part: str = "body.txt.j2") -> Any:
    files = {"t/meta.toml": "", "t/subject.j2": "s", "t/body.txt.j2": "text", f"t/{part}": source}
    catalogue = Catalogue(folder(files))
    assert catalogue.shelf.problems == {}
    return catalogue.shelf.templates["t"].render(data)


def text_of(folder: Folder, source: str, data: dict[str, Any] | None = None) -> str:
    rendered = render(folder, source, data or {})
    assert isinstance(rendered, Rendered), rendered
    return rendered.text


def fault_of(folder: Folder, source: str, data: dict[str, Any] | None = None) -> str:
    fault = render(folder, source, data or {})
    assert isinstance(fault, RenderFault), fault
    assert "\n" not in fault.detail
    return fault.detail


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ 1234.5 | money('EUR') }}", "€1,234.50"),
        ("{{ -3 | money }}", "-$3.00"),
        ("{{ '12.345' | money('CHF') }}", "12.34 CHF"),
        ("{{ 5000 | money('JPY') }}", "¥5,000"),
        ("{{ '2026-11-24T09:30:00Z' | datetime }}", "24 November 2026"),
        ("{{ 0 | datetime('%Y-%m-%d %H:%M %Z') }}", "1970-01-01 00:00 UTC"),
        ("{{ 1 | plural('item') }}", "1 item"),
        ("{{ 3 | plural('box', 'boxes') }}", "3 boxes"),
        ("{{ [1, 2] | join(', ') }}", "1, 2"),
        ("{{ 'a-b' | replace('-', '+') }}", "a+b"),
        ("{{ {'a': '</script>'} | tojson }}", '{"a": "\\u003c/script\\u003e"}'),
    ],
)
def test_the_filters(folder: Folder, source: str, text: str) -> None:
    assert text_of(folder, source) == f"{text}\n"


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("{{ 'abc' | money }}", "'abc' is no amount of money"),
        ("{{ 'nan' | money }}", "'nan' is no amount of money"),
        ("{{ 'soon' | datetime }}", "'soon' is no date"),
        ("{{ 1e300 | datetime }}", "1e+300 is no date"),
        ("{{ 0 | datetime('%999999d') }}", "is no date format"),
        ("{{ 'x' | plural('item') }}", "'x' is no count"),
    ],
)
def test_a_filter_says_what_it_cannot_show(folder: Folder, source: str, detail: str) -> None:
    assert fault_of(folder, "\n" + source).startswith("templates/t/body.txt.j2:2 ")
    assert detail in fault_of(folder, source)


@pytest.mark.parametrize(
    ("source", "detail"),
    [
        ("{{ nmae }}", "'nmae' is undefined; event has: name, note, order"),
        (
            "{{ order.totl }}",
            "'order.totl' is undefined; event has: order.total, order.items",
        ),
        (
            "{% for i in order.items %}{{ i.titel }}{% endfor %}",
            "'order.items.0.titel' is undefined; event has: order.items.0.title",
        ),
        ("{{ name.first }}", "'first' is undefined, as what it is looked for in is a str"),
        ("{% for x in name_s %}{% endfor %}", "'name_s' is undefined"),
        ("{% for x in order.total %}{% endfor %}", "a loop needs a list, and this is a int"),
        ("{{ note }}", "null can't be written"),
    ],
)
def test_a_missing_field_is_named_with_what_there_is(
    folder: Folder, source: str, detail: str
) -> None:
    data = {"name": "Ada", "order": {"total": 5, "items": [{"title": "x"}]}, "note": None}

    assert detail in fault_of(folder, f"line\n\n{source}", data)
    assert fault_of(folder, f"line\n\n{source}", data).startswith("templates/t/body.txt.j2:3 ")


def test_an_event_of_very_many_fields_is_explained_at_once(folder: Folder) -> None:
    data = {f"field{n}" * 3: n for n in range(50_000)}
    started = time.monotonic()

    assert "'nmae' is undefined; event has: field0" in fault_of(folder, "{{ nmae }}", data)
    assert time.monotonic() - started < 1


def test_a_field_goes_before_a_method_of_the_same_name(folder: Folder) -> None:
    assert (
        text_of(folder, "{{ o.items[0] }} {{ o.keys }}", {"o": {"items": [1], "keys": 2}})
        == "1 2\n"
    )


def test_html_is_escaped_and_text_is_not(folder: Folder) -> None:
    html = render(folder, "<b>{{ x }}</b>", {"x": "<script>"}, part="body.html.j2")

    assert html.html == "<b>&lt;script&gt;</b>"
    assert text_of(folder, "{{ x }}", {"x": "<script>"}) == "<script>\n"


def test_a_macro_of_a_shared_file_is_escaped_where_html_is_written(folder: Folder) -> None:
    files = {
        "layouts/words.j2": "{% macro name_of(user) %}{{ user.name }}{% endmacro %}",
        "t/meta.toml": "",
        "t/subject.j2": "{% from 'layouts/words.j2' import name_of %}{{ name_of(user) }}",
        "t/body.html.j2": "{% from 'layouts/words.j2' import name_of %}<p>{{ name_of(user) }}",
    }

    rendered = Catalogue(folder(files)).shelf.templates["t"].render({"user": {"name": "<b>"}})

    assert rendered == Rendered("<b>", "<b>\n", "<p>&lt;b&gt;")


def test_joined_and_replaced_texts_are_escaped_in_html(folder: Folder) -> None:
    source = "{{ [x, x] | join('<br>' | safe) }} {{ x | replace('a', '<') }}"

    html = render(folder, source, {"x": "<a>"}, part="body.html.j2").html

    assert html == "&lt;a&gt;<br>&lt;a&gt; &lt;&lt;&gt;"


def test_a_text_part_has_no_gaps_where_conditions_stood(folder: Folder) -> None:
    assert text_of(folder, "\n\na\n\n\n{% if 0 %}x{% endif %}\n\nb\n\n\n") == "a\n\nb\n"


def test_a_subject_is_one_line(folder: Folder) -> None:
    rendered = render(folder, "Hi\n {{ x }}\n", {"x": "a\r\nBcc: b"}, part="subject.j2")

    assert rendered.subject == "Hi a Bcc: b"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ x.__class__.__mro__ }}",
        "{{ [].append(1) }}",
        "{{ x.update({'a': 1}) }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '%s' % x }}",
        "{{ '{:>999999999}'.format(1) }}",
        "{{ ''.join.__self__ }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ namespace.__init__ }}",
        "{{ range.__self__ }}",
        "{{ 'a'.ljust(999999999) }}",
        "{{ 'a'.center(999999999) }}",
        "{{ 'a' * 999999999 }}",
        "{{ [1] * 999999999 }}",
        "{{ 9 ** 99999999 }}",
        "{% set n = namespace(x=9) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}{% endfor %}",
        "{% for i in range(999999999) %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% set n = namespace(x='a') %}{% for i in range(99) %}"
        "{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x='a') %}{% for i in range(99) %}"
        "{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(99) %}"
        "{% set n.x = n.x + n.x %}{% endfor %}",
        "{% for i in range(99999) %}" + "x" * 500 + "{% endfor %}",
        "{% set s = 'x' * 1 %}{% for i in range(99999) %}{{ big }}{% endfor %}",
        "{% set v %}{% for i in range(99999) %}{{ big }}{% endfor %}{% endset %}",
        "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}",
        "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(40) }}",
        "{{ big | replace('x', big) }}",
        "{{ range(9999) | join(big) }}",
        "{% for i in big | list %}{{ big }}{% endfor %}",
    ],
)
def test_a_template_can_neither_escape_nor_explode(folder: Folder, source: str) -> None:
    started = time.monotonic()

    fault = fault_of(folder, source, {"x": {"a": 1}, "big": "x" * 5000})

    assert time.monotonic() - started < 5
    assert fault.startswith("templates/t")
    assert len(fault) < 700


def test_a_failed_rendering_changes_nothing_for_the_next_one(folder: Folder) -> None:
    files = {"t/meta.toml": "", "t/subject.j2": "s", "t/body.txt.j2": "{{ x }}"}
    template = Catalogue(folder(files)).shelf.templates["t"]

    assert isinstance(template.render({}), RenderFault)
    assert template.render({"x": 1}) == Rendered("s", "1\n", "")


def test_a_text_part_is_made_of_the_html_when_there_is_none(folder: Folder) -> None:
    files = {
        "t/meta.toml": "",
        "t/subject.j2": "s",
        "t/body.html.j2": "<style>x</style><h1>Hi &amp; bye</h1><p>One<br>two</p>"
        "<div style='display:none'>hidden <b>too</b></div>"
        "<ul><li>a</li><li>b</li></ul><p><a href='https://x.example/?a=1'>Go</a></p>"
        "<table><tr><td>Total</td><td>5</td></tr></table><img src=x alt='A cat'>",
    }

    rendered = Catalogue(folder(files)).shelf.templates["t"].render({})

    assert isinstance(rendered, Rendered)
    assert rendered.text == (
        "Hi & bye\n\nOne\ntwo\n\n- a\n- b\n\nGo <https://x.example/?a=1>\n\nTotal 5\n\nA cat\n"
    )
