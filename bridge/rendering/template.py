"""One template in one version: rendering its parts, and saying exactly where that fails."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any

import jinja2
from jinja2 import TemplateError, TemplateSyntaxError

from bridge.ports import TemplateVersion
from bridge.rendering.plaintext import html_to_text
from bridge.rendering.sandbox import MAX_OUTPUT, Environments, MailEnvironment, Run, current_run
from bridge.routing import Meta

SUBJECT = "subject.j2"
HTML = "body.html.j2"
TEXT = "body.txt.j2"
_EMPTY_LINES = re.compile(r"\n{3,}")
# What rendering hostile data may raise besides Jinja's own; RecursionError is a RuntimeError.
_FAILURES = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Rendered:
    """The parts of a message."""

    subject: str  # one line
    text: str
    html: str  # "" when the template has no HTML part


@dataclass(frozen=True, slots=True)
class RenderFault:
    """Why a template can't be rendered with this data."""

    detail: str  # one line: "templates/welcome/subject.j2:1 'nmae' is undefined; event has: name"


class Template:
    """A compiled template; immutable, and safe to render from several threads."""

    def __init__(
        self,
        name: str,
        meta: Meta,
        sources: Mapping[str, str],
        environments: Environments,
        root_name: str,
    ) -> None:
        """Compile the parts; `sources` holds all files it is made of, inherited ones included.

        Raises `jinja2.TemplateError` when a part doesn't compile.
        """
        self.name = name
        self.meta = meta
        self.sources = dict(sources)
        self.version = hash_of(sources)
        self._root_name = root_name
        for source in sources:
            if source.endswith(".j2"):  # also what is inherited, so that nothing fails later
                environments.html.get_template(source)
                environments.text.get_template(source)
        self._subject = environments.text.get_template(f"{name}/{SUBJECT}")
        self._html = self._part(environments.html, HTML)
        self._text = self._part(environments.text, TEXT)

    def _part(self, environment: MailEnvironment, part: str) -> jinja2.Template | None:
        path = f"{self.name}/{part}"
        return environment.get_template(path) if path in self.sources else None

    @property
    def label(self) -> str:
        """The name and version as messages carry it: `welcome@3f2a9c1b04de`."""
        return f"{self.name}@{self.version}"

    @cached_property
    def kept(self) -> TemplateVersion:
        """The sources, as the ledger keeps them."""
        return TemplateVersion(
            name=self.name,
            version=self.version,
            sources=json.dumps(self.sources, ensure_ascii=False, sort_keys=True),
        )

    def render(self, data: Mapping[str, Any]) -> Rendered | RenderFault:
        """Render every part with plain data; never raises, whatever the data holds."""
        token = current_run.set(Run(data))
        try:
            subject = " ".join(self._subject.render(data).split())
            html = self._html.render(data) if self._html else ""
            text = _tidy(self._text.render(data)) if self._text else html_to_text(html)
        except _FAILURES as error:
            return RenderFault(self._explain(error))
        finally:
            current_run.reset(token)
        if max(len(html), len(text)) > MAX_OUTPUT:
            return RenderFault(f"{self._root_name}/{self.name} writes over {MAX_OUTPUT} characters")
        return Rendered(subject, text, html)

    def _explain(self, error: BaseException) -> str:
        return explain(error, self._root_name, fallback=f"{self._root_name}/{self.name}")


def _tidy(text: str) -> str:
    """Leave one empty line where conditions and loops left several."""
    return _EMPTY_LINES.sub("\n\n", text).strip("\n") + "\n"


def hash_of(sources: Mapping[str, str]) -> str:
    """Name a version by its sources: 12 hexadecimal digits."""
    text = json.dumps(sources, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


def explain(error: BaseException, root_name: str, fallback: str) -> str:
    """Say in one line what is wrong with a template, and where: `file:line text`."""
    if isinstance(error, TemplateSyntaxError):
        where = f"{error.filename or f'{root_name}/{error.name}'}:{error.lineno}"
    else:
        where = _innermost(error.__traceback__, root_name) or fallback
    if isinstance(error, jinja2.TemplateNotFound):
        text = f"there is no file {error.name}"
    elif isinstance(error, RecursionError):
        text = "it calls itself too deeply"
    else:
        said = error.message if isinstance(error, TemplateSyntaxError) else str(error)
        text = " ".join((said or "").split()) or type(error).__name__
    return f"{where} {text[:500]}"


def _innermost(traceback: TracebackType | None, root_name: str) -> str:
    """Find the deepest frame of a template: Jinja2 gives frames the file and line of the source."""
    where = ""
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name.startswith(f"{root_name}/") and name.endswith(".j2"):
            where = f"{name}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return where
