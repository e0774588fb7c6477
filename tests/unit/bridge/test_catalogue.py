"""The templates folder: what counts, what is broken, and what is picked up."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.rendering.catalogue import Catalogue, find_templates
from bridge.rendering.template import Rendered

Folder = Callable[..., Path]

GOOD = {
    "hello/meta.toml": 'events = ["user.created"]\n',
    "hello/subject.j2": "Hello {{ name }}",
    "hello/body.html.j2": "{% extends 'layouts/base.html.j2' %}"
    "{% block c %}{{ name }}{% endblock %}",
    "layouts/base.html.j2": "<p>{% block c %}{% endblock %}</p>",
}


def edit(root: Path, name: str, text: str) -> None:
    path = root / name
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_text(text)
    os.utime(path, ns=(before + 10**9, before + 10**9))  # file systems may be coarse


def test_a_folder_with_a_meta_is_a_template_and_any_other_a_library(folder: Folder) -> None:
    shelf = Catalogue(folder(GOOD)).shelf

    assert list(shelf.templates) == ["hello"]
    assert shelf.problems == {}
    assert shelf.table.template_of("user.created") == "hello"


def test_a_version_covers_what_is_inherited(folder: Folder) -> None:
    root = folder(GOOD)
    catalogue = Catalogue(root)
    before = catalogue.shelf.templates["hello"]

    edit(root, "layouts/base.html.j2", "<div>{% block c %}{% endblock %}</div>")
    assert catalogue.refresh()

    after = catalogue.shelf.templates["hello"]
    assert after.version != before.version
    assert set(json.loads(after.kept.sources)) == set(GOOD)
    assert after.render({"name": "Ada"}) == Rendered("Hello Ada", "Ada\n", "<div>Ada</div>")


def test_a_template_that_did_not_change_is_not_compiled_again(folder: Folder) -> None:
    root = folder(
        {**GOOD, "other/meta.toml": "", "other/subject.j2": "s", "other/body.txt.j2": "t"}
    )
    catalogue = Catalogue(root)
    hello = catalogue.shelf.templates["hello"]

    edit(root, "other/body.txt.j2", "new")
    catalogue.refresh()

    assert catalogue.shelf.templates["hello"] is hello
    assert not catalogue.refresh()


def test_a_template_that_breaks_leaves_its_last_good_version_in_use(folder: Folder) -> None:
    root = folder(GOOD)
    catalogue = Catalogue(root)

    edit(root, "hello/subject.j2", "line\n{{ name ")
    catalogue.refresh()

    problem = catalogue.shelf.problems["hello"]
    assert problem.startswith("templates/hello/subject.j2:2 ")
    rendered = catalogue.shelf.templates["hello"].render({"name": "Ada"})
    assert isinstance(rendered, Rendered)
    assert rendered.subject == "Hello Ada"

    edit(root, "hello/subject.j2", "Bye {{ name }}")
    catalogue.refresh()

    assert catalogue.shelf.problems == {}
    rendered = catalogue.shelf.templates["hello"].render({"name": "Ada"})
    assert isinstance(rendered, Rendered)
    assert rendered.subject == "Bye Ada"


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"hello/subject.j2": "{% if %}"}, "templates/hello/subject.j2:1 Expected an expression"),
        ({"hello/subject.j2": "{{ x|nope }}"}, "templates/hello/subject.j2:1 No filter named"),
        (
            {"hello/subject.j2": "\n{% include 'layouts/gone.j2' %}"},
            "templates/hello/subject.j2:2 there is no file layouts/gone.j2",
        ),
        (
            {"hello/subject.j2": "{% include '../../etc/passwd' %}"},
            "templates/hello/subject.j2:1 there is no file ../../etc/passwd",
        ),
        ({"hello/subject.j2": "{% include name %}"}, "must be a constant"),
        ({"layouts/base.html.j2": "{% include 'layouts/base.html.j2' %}"}, "includes itself"),
        (
            {"layouts/base.html.j2": "{% for x in y recursive %}{% endfor %}"},
            "templates/layouts/base.html.j2:1 loops can't be recursive here",
        ),
        ({"hello/meta.toml": "evnts = []"}, "unknown key 'evnts'; did you mean events?"),
        ({"hello/meta.toml": "a = ="}, "templates/hello/meta.toml: Invalid value (at line 1"),
        ({"hello/meta.toml": 'from = "nobody"'}, "meta.toml: from is no address: no @ in it"),
        ({"hello/meta.toml": "to = 5"}, "meta.toml: to must be a text or a list of texts"),
        ({"hello/meta.toml": '[headers]\nBcc = "x"'}, "the header field 'Bcc' can't be set here"),
        ({"hello/meta.toml": '[headers]\n"a b" = "x"'}, "the header field 'a b' can't be set"),
        ({"hello/subject.j2": "x" * 600_000}, "templates/hello/subject.j2: more than 524288"),
    ],
)
def test_a_broken_template_says_what_is_wrong_where(
    folder: Folder, files: dict[str, str], problem: str
) -> None:
    good = {"good/meta.toml": "", "good/subject.j2": "s", "good/body.txt.j2": "t"}

    shelf = Catalogue(folder({**GOOD, **good, **files})).shelf

    assert problem in shelf.problems["hello"]
    assert "\n" not in shelf.problems["hello"]
    assert list(shelf.templates) == ["good"]


def test_a_template_needs_a_subject_and_a_body(folder: Folder) -> None:
    shelf = Catalogue(folder({"a/meta.toml": "", "b/meta.toml": "", "b/subject.j2": "s"})).shelf

    assert shelf.problems == {
        "a": "templates/a has no subject.j2 that can be read",
        "b": "templates/b has no body.html.j2 or body.txt.j2 that can be read",
    }


def test_two_templates_that_claim_an_event_are_a_problem(folder: Folder) -> None:
    second = {name.replace("hello", "again"): text for name, text in GOOD.items()}

    shelf = Catalogue(folder({**GOOD, **second})).shelf

    assert "event 'user.created' is also claimed by the template again" in shelf.problems["hello"]


def test_a_file_that_is_no_utf8_is_a_problem_of_its_template(folder: Folder) -> None:
    root = folder(GOOD)
    (root / "hello/body.html.j2").write_bytes(b"\xff")

    assert "templates/hello/body.html.j2: 'utf-8' codec" in Catalogue(root).shelf.problems["hello"]


def test_a_missing_folder_is_an_empty_catalogue_with_a_problem(tmp_path: Path) -> None:
    shelf = Catalogue(tmp_path / "nowhere").shelf

    assert shelf.templates == {}
    assert "holds no template" in shelf.problems["nowhere"]


def test_samples_are_read_in_order(folder: Folder) -> None:
    root = folder({**GOOD, "hello/samples/b.json": '{"b": 1}', "hello/samples/a.json": '{"a": 1}'})

    assert list(Catalogue(root).samples("hello")) == [("a.json", {"a": 1}), ("b.json", {"b": 1})]


@pytest.mark.parametrize("text", ["[1]", "{"])
def test_a_broken_sample_is_named(folder: Folder, text: str) -> None:
    catalogue = Catalogue(folder({**GOOD, "hello/samples/a.json": text}))

    with pytest.raises(ValueError, match=r"templates/hello/samples/a\.json: "):
        list(catalogue.samples("hello"))


def test_a_check_names_every_problem(folder: Folder) -> None:
    files = {
        **GOOD,
        "hello/samples/a.json": '{"name": "Ada"}',
        "hello/samples/b.json": "{}",
        "hello/samples/c.json": "[]",
        "other/meta.toml": "",
    }

    assert list(Catalogue(folder(files)).check()) == [
        "templates/other has no subject.j2 that can be read",
        "templates/hello/samples/b.json: templates/hello/subject.j2:1 "
        "'name' is undefined; event has: nothing",
        "templates/hello/samples/c.json: it is no object",
    ]


def test_the_folder_here_counts_only_when_it_holds_a_template(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder({"admin/index.html": "somebody else's"})
    assert find_templates(None) != tmp_path / "templates"
    assert (find_templates(None) / "welcome/meta.toml").is_file()

    folder(GOOD)
    assert find_templates(None) == tmp_path / "templates"
    assert find_templates(Path("/elsewhere")) == Path("/elsewhere")
