"""The templates folder: reading it, checking it, and following its changes.

A folder with a `meta.toml` is a template, any other (`layouts/`) is a library that templates
inherit from and include. A template that is broken, or breaks while the bridge runs, does not
stop the others, and its last good version stays in use; `problems` says what is wrong where.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, nodes

from bridge.rendering.meta import Broken, read_meta
from bridge.rendering.sandbox import Environments
from bridge.rendering.template import HTML, SUBJECT, TEXT, RenderFault, Template, explain, hash_of
from bridge.routing import RouteTable

log = logging.getLogger(__name__)

MAX_FILES = 2000  # of one templates folder; more is somebody's whole project
MAX_FILE_OCTETS = 512 << 10  # of one file; providers clip mail at 102 KB
MAX_REFERENCES = 50  # files that one template may be made of
_META = "meta.toml"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The templates in force at one moment."""

    templates: Mapping[str, Template] = field(default_factory=dict)
    table: RouteTable = field(default_factory=lambda: RouteTable({}))
    problems: Mapping[str, str] = field(default_factory=dict)  # template -> one line


class Catalogue:
    """The templates of a folder, as they are now."""

    def __init__(self, root: Path) -> None:
        """Read the folder; one that is missing is an empty one, with a problem."""
        self.root = root
        self.shelf = Shelf()
        self._signature: object = None
        self.refresh()

    def refresh(self) -> bool:
        """Read the folder again if a file in it changed; return whether one did.

        Looks at names, sizes and times of at most `MAX_FILES` files, so it may be called often;
        it reads files, so call it in a thread. The new shelf replaces the old one at once.
        """
        files = _files(self.root)
        signature = {name: stat for name, (_, stat) in files.items()}
        if signature == self._signature:
            return False
        self._signature = signature
        self.shelf = self._read({name: path for name, (path, _) in files.items()})
        for name, problem in self.shelf.problems.items():
            kept = "the last good version stays in use" if name in self.shelf.templates else ""
            log.error("template %s: %s%s", name, problem, kept and f" ({kept})")
        return True

    def samples(self, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the samples of a template: file name and data object, in order.

        Raises `ValueError` with file and reason for one that is no JSON object.
        """
        for path in sorted((self.root / name / "samples").glob("*.json"))[:MAX_FILES]:
            try:
                data = json.loads(path.read_bytes())
            except (OSError, ValueError, RecursionError) as error:
                raise ValueError(f"{self._shown(name, path)}: {error}") from None
            if not isinstance(data, dict):
                raise ValueError(f"{self._shown(name, path)}: it is no object")
            yield path.name, data

    def check(self) -> Iterator[str]:
        """Yield a line for everything that is wrong: templates, and samples that don't render."""
        yield from self.shelf.problems.values()
        for name, template in self.shelf.templates.items():
            try:
                for file, data in self.samples(name):
                    rendered = template.render(data)
                    if isinstance(rendered, RenderFault):
                        yield f"{self._shown(name, Path(file))}: {rendered.detail}"
            except ValueError as error:
                yield str(error)

    def _shown(self, name: str, path: Path) -> str:
        return f"{self.root.name}/{name}/samples/{path.name}"

    def _read(self, files: Mapping[str, Path]) -> Shelf:
        texts, problems = _texts(files, self.root.name)
        environments = Environments(texts, self.root.name)
        templates: dict[str, Template] = {}
        names = sorted({name.partition("/")[0] for name in files if name.endswith(f"/{_META}")})
        for name in names:
            known = self.shelf.templates.get(name)
            try:
                templates[name] = self._template(name, texts, environments, known)
            except Broken as error:
                problems.setdefault(name, str(error))
                if known:
                    templates[name] = known
        if not names:
            problems[self.root.name] = f"{self.root} holds no template (no folder with {_META})"
        problems |= _rivals(templates)
        table = RouteTable({name: template.meta for name, template in templates.items()})
        return Shelf(templates, table, problems)

    def _template(
        self,
        name: str,
        texts: Mapping[str, str],
        environments: Environments,
        known: Template | None,
    ) -> Template:
        shown = f"{self.root.name}/{name}"
        missing = f"{name}/{SUBJECT}" not in texts
        if missing or not {f"{name}/{HTML}", f"{name}/{TEXT}"} & texts.keys():
            needed = SUBJECT if missing else f"{HTML} or {TEXT}"
            raise Broken(f"{shown} has no {needed} that can be read")
        if f"{name}/{_META}" not in texts:
            raise Broken(f"{shown}/{_META} can't be read")
        read = read_meta(texts[f"{name}/{_META}"], f"{shown}/{_META}")
        try:
            sources = _sources(name, texts, self.root.name)
            if known and known.version == hash_of(sources):
                return known
            return Template(name, read, sources, environments, self.root.name)
        except (TemplateError, RecursionError) as error:
            raise Broken(explain(error, self.root.name, fallback=shown)) from None


def find_templates(setting: Path | None) -> Path:
    """Choose the folder: the setting; `./templates` if it holds ours; else the packaged one.

    Most web projects have a `templates` of their own, so only a folder of a `meta.toml` counts.
    """
    if setting is not None:
        return setting
    here = Path("templates")
    if any(here.glob(f"*/{_META}")):
        return here.absolute()
    packaged = Path(__file__).parent.parent / "templates"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "templates"


def _rivals(templates: Mapping[str, Template]) -> dict[str, str]:
    """Find event types that two templates claim."""
    owners: dict[str, str] = {}
    problems = {}
    for name, template in templates.items():
        for event in template.meta.events:
            owner = owners.setdefault(event, name)
            if owner != name:
                problems[name] = f"event {event!r} is also claimed by the template {owner}"
    return problems


def _files(root: Path) -> dict[str, tuple[Path, tuple[int, int]]]:
    """List what templates are made of: relative name -> path, (mtime, size)."""
    found: dict[str, tuple[Path, tuple[int, int]]] = {}
    for path in _walk(root):
        try:
            stat = path.stat()
        except OSError:
            continue  # gone since it was listed
        found[f"{path.parent.name}/{path.name}"] = (path, (stat.st_mtime_ns, stat.st_size))
        if len(found) >= MAX_FILES:
            break
    return found


def _walk(root: Path) -> Iterator[Path]:
    for folder in sorted(root.glob("[!.]*/")):
        yield from sorted(folder.glob("*.j2"))
        yield from folder.glob(_META)


def _texts(files: Mapping[str, Path], shown: str) -> tuple[dict[str, str], dict[str, str]]:
    """Read the files; one that can't be read is a problem of its template."""
    texts, problems = {}, {}
    for name, path in files.items():
        try:
            with path.open("rb") as file:
                octets = file.read(MAX_FILE_OCTETS + 1)
            if len(octets) > MAX_FILE_OCTETS:
                raise ValueError(f"more than {MAX_FILE_OCTETS} octets")
            texts[name] = octets.decode("utf-8-sig").replace("\r\n", "\n")
        except (OSError, ValueError) as error:
            problems[name.partition("/")[0]] = f"{shown}/{name}: {error}"
    return texts, problems


def _sources(name: str, texts: Mapping[str, str], root_name: str) -> dict[str, str]:
    """Gather all files that a template is made of."""
    found = {f"{name}/{_META}": texts[f"{name}/{_META}"]}
    for part in (SUBJECT, HTML, TEXT):
        if f"{name}/{part}" in texts:
            _gather(f"{name}/{part}", texts, root_name, found, ())
    return found


def _gather(
    path: str,
    texts: Mapping[str, str],
    root_name: str,
    found: dict[str, str],
    trail: tuple[str, ...],
) -> None:
    if path in trail:
        raise TemplateSyntaxError(f"{path} includes itself", 1, path)
    if len(trail) >= MAX_REFERENCES or len(found) > MAX_REFERENCES:
        raise TemplateSyntaxError(f"more than {MAX_REFERENCES} files", 1, path)
    if path in found:
        return
    found[path] = texts[path]
    where = f"{root_name}/{path}"
    for reference, line in _references(where, texts[path]):
        if reference is None:
            raise TemplateSyntaxError("the name of a file must be a constant", line, path, where)
        if reference not in texts:
            raise TemplateSyntaxError(f"there is no file {reference}", line, path, where)
        _gather(reference, texts, root_name, found, (*trail, path))


@lru_cache(maxsize=MAX_FILES)
def _references(shown: str, text: str) -> tuple[tuple[str | None, int], ...]:
    """Find what a text inherits from, includes and imports, with line numbers."""
    tree = Environments({}, "").text.parse(text, filename=shown)
    statements: tuple[nodes.Extends | nodes.Include | nodes.Import | nodes.FromImport, ...] = (
        *tree.find_all(nodes.Extends),
        *tree.find_all(nodes.Include),
        *tree.find_all(nodes.Import),
        *tree.find_all(nodes.FromImport),
    )
    return tuple((_constant(statement.template), statement.lineno) for statement in statements)


def _constant(node: nodes.Expr) -> str | None:
    value = node.value if isinstance(node, nodes.Const) else None
    return value if isinstance(value, str) else None
