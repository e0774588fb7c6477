"""The environment that templates run in, and what bounds them.

A template gets plain data (dicts, lists, texts, numbers) and reaches nothing else. One rendering
is bounded in *steps* (turns of loops and calls of macros, counted), in *characters* that it writes
or puts together, and in *time*: the clock is read at every step, so that only what a single step
does goes unseen, and that is bounded by the size of its values. Filters and methods that could
blow up a value (`center`, `format`, `ljust`, ...) are not there.
"""

import difflib
import time
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from itertools import islice
from typing import Any, NoReturn, cast

from jinja2 import BaseLoader, Environment, StrictUndefined, nodes
from jinja2.environment import TemplateModule
from jinja2.exceptions import (
    SecurityError,
    TemplateNotFound,
    TemplateRuntimeError,
    TemplateSyntaxError,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

from bridge.rendering import filters

MAX_STEPS = 100_000  # turns of loops and calls of one rendering
MAX_OUTPUT = 2 << 20  # characters of one part; providers cut far below
MAX_WRITTEN = 4 * MAX_OUTPUT  # characters on the way there: a macro's are written twice
MAX_INTEGER_BITS = 256
MAX_KEYS = 200  # of an object that are looked at for one that was meant
MAX_NESTING = 6  # keys down, to name the place of a missing field
DEADLINE_S = 2.0  # a rich mail takes under a millisecond

_PLAIN = (str, bytes, int, float, list, tuple, dict, type(None))
# fmt: off
_METHODS = frozenset((
    "capitalize", "count", "endswith", "find", "get", "index", "isalpha", "isdigit", "items",
    "keys", "lower", "lstrip", "removeprefix", "removesuffix", "rstrip", "split", "startswith",
    "strip", "title", "upper", "values",
))
_FILTERS = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "first", "float",
    "forceescape", "groupby", "int", "items", "last", "length", "list", "lower", "map", "max",
    "min", "reject", "rejectattr", "reverse", "round", "safe", "select", "selectattr", "sort",
    "string", "striptags", "sum", "title", "trim", "truncate", "unique", "upper", "urlencode",
    "wordcount",
)
# fmt: on


class Run:
    """One rendering: its data, and what it may still spend."""

    __slots__ = ("characters", "data", "ends_at", "steps")

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.steps = MAX_STEPS
        self.characters = MAX_WRITTEN
        self.ends_at = time.monotonic() + DEADLINE_S

    def step(self, characters: int = 0) -> None:
        """Pay for one turn that writes so many characters."""
        self.steps -= 1
        if self.steps < 0:
            raise TemplateRuntimeError(f"more than {MAX_STEPS} turns of loops and calls")
        if time.monotonic() > self.ends_at:
            raise TemplateRuntimeError(f"it takes longer than {DEADLINE_S:g} s")
        self.write(characters)

    def write(self, characters: int) -> None:
        """Pay for characters."""
        self.characters -= characters
        if self.characters < 0:
            raise TemplateRuntimeError(f"it writes more than {MAX_WRITTEN} characters")


current_run: ContextVar[Run | None] = ContextVar("current_run", default=None)


class MissingField(StrictUndefined):
    """A field that the event does not have; says what it has instead."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name = str(self._undefined_name)
        run = current_run.get()
        data = run.data if run else {}
        if self._undefined_obj is missing:
            return f"'{name}' is undefined; event has: {_likely(name, data)}"
        if not isinstance(self._undefined_obj, dict):
            return f"'{name}' is undefined, as what it is looked for in is {_kind(self)}"
        place = _place_of(self._undefined_obj, data)
        if not place:
            return f"'{name}' is undefined; it is looked for among: " + _likely(
                name, self._undefined_obj
            )
        likely = _likely(name, self._undefined_obj, f"{place}.")
        return f"'{place}.{name}' is undefined; event has: {likely}"


def _kind(undefined: MissingField) -> str:
    value = undefined._undefined_obj
    return "null" if value is None else f"a {type(value).__name__}"


def _likely(name: str, data: Mapping[str, Any], prefix: str = "") -> str:
    keys = [str(key) for key in islice(data, MAX_KEYS)]
    near = difflib.get_close_matches(name[:60], [key[:60] for key in keys], n=3, cutoff=0.5)
    others = [key for key in keys if key not in near]
    return ", ".join(f"{prefix}{key[:60]}" for key in (near + others)[:8]) or "nothing"


def _place_of(wanted: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """Return the dotted path at which an object stands in the data, or ""."""
    level: list[tuple[str, Any]] = [(key, value) for key, value in data.items()]
    for _ in range(MAX_NESTING):
        for path, value in level:
            if value is wanted:
                return path
        level = [
            (f"{path}.{key}", inner)
            for path, value in level[:1000]
            for key, inner in _inside(value)
        ]
    return ""


def _inside(value: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


class MailEnvironment(ImmutableSandboxedEnvironment):
    """Jinja2 for mail: data before methods, nothing undefined, everything bounded."""

    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, loader: BaseLoader, *, autoescape: bool) -> None:
        super().__init__(
            loader=loader,
            undefined=MissingField,
            autoescape=autoescape,
            finalize=_finalize,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        own = {
            "money": filters.money,
            "datetime": filters.date_and_time,
            "plural": filters.plural,
            "join": filters.join,
            "replace": filters.replace,
            "tojson": filters.to_json,
            "_turns": _turns,
            "_sized": _sized,
        }
        self.filters = {name: self.filters[name] for name in _FILTERS} | own
        del self.globals["lipsum"]

    def getattr(self, obj: Any, attribute: str) -> Any:
        # `order.items` is the field of the event, not the method of the dict.
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, TemplateModule) and attribute[0] != "_" and attribute in vars(obj):
            return vars(obj)[attribute]  # what an imported file exports; a short cut
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, _PLAIN) and attr not in _METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        return None  # str.format is not among the methods, so nothing needs wrapping

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if isinstance(left, int | float) and isinstance(right, int | float):
            if operator in ("*", "**") and _bits(left, operator, right) > MAX_INTEGER_BITS:
                raise SecurityError(f"a number of more than {MAX_INTEGER_BITS} bits")
        elif operator != "+":
            raise SecurityError(f"'{operator}' is for numbers only")
        return _sized(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        # Jinja's own odd names, so that a template may pass any keyword.
        run = current_run.get()
        if run:
            run.step()
        return super().call(__context, __obj, *args, **kwargs)

    def _generate(
        self,
        source: nodes.Template,
        name: str | None,
        filename: str | None,
        defer_init: bool = False,
    ) -> str:
        bounded = _Bounds(name, filename).visit(source)
        return super()._generate(bounded, name, filename, defer_init)


class _Bounds(NodeTransformer):
    """Puts a meter into every loop and every joining of texts."""

    def __init__(self, name: str | None, filename: str | None) -> None:
        self._name = name
        self._filename = filename

    def visit_For(self, node: nodes.For) -> nodes.For:
        if node.recursive:
            raise TemplateSyntaxError(
                "loops can't be recursive here", node.lineno, self._name, self._filename
            )
        self.generic_visit(node)
        literal = sum(len(text.data) for text in node.find_all(nodes.TemplateData))
        node.iter = _filtered("_turns", cast(nodes.Expr, node.iter), nodes.Const(literal))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:
        self.generic_visit(node)
        return _filtered("_sized", node)


def _filtered(name: str, node: nodes.Expr, *arguments: nodes.Expr) -> nodes.Filter:
    made = nodes.Filter(node, name, list(arguments), [], None, None, lineno=node.lineno)
    made.set_environment(cast(Environment, node.environment))
    for argument in arguments:
        argument.set_environment(cast(Environment, node.environment))
    return made


def _turns(values: Iterable[Any], literal: int) -> Iterator[Any]:
    """Let a loop have its values one by one, each for a step and the text around it."""
    if isinstance(values, StrictUndefined):
        iter(values)  # raises, with the field's name
    if not isinstance(values, Iterable):
        _refuse_loop(values)
    return _metered(values, literal)


def _metered(values: Iterable[Any], literal: int) -> Iterator[Any]:
    run = current_run.get()
    for value in values:
        if run:
            run.step(abs(literal))
        yield value


def _refuse_loop(values: Any) -> NoReturn:
    kind = "null" if values is None else f"a {type(values).__name__}"
    raise TemplateRuntimeError(f"a loop needs a list, and this is {kind}")


def _sized(value: Any) -> Any:
    if isinstance(value, str | list | tuple) and len(value) > MAX_OUTPUT:
        raise SecurityError(f"a value of more than {MAX_OUTPUT} characters")
    return value


def _bits(left: float, operator: str, right: float) -> float:
    size = max(abs(left), 2)
    if operator == "**":
        return abs(right) * size.bit_length() if isinstance(size, int) else abs(right) * 10
    return len(bin(int(min(size, 2.0**300)))) + len(bin(int(min(abs(right), 2.0**300))))


def _finalize(value: Any) -> Any:
    """Check what `{{ }}` is about to write."""
    run = current_run.get()
    if run is None:
        return value  # a constant, while the template is compiled
    if value is None:
        # "Dear None" is in nobody's interest.
        raise TemplateRuntimeError("null can't be written; `| default('', true)` allows it")
    text = value if isinstance(value, str) else str(value)
    run.characters -= len(text)  # as `write` does; this is the hottest line of a rendering
    if run.characters < 0:
        run.write(0)
    return text


class Environments:
    """One environment for HTML and one for text, over the same files.

    A file that both use (macros, names) is compiled for each. With escaping chosen by a file's
    name, what a macro of a text file returns would count as safe HTML.
    """

    def __init__(self, texts: Mapping[str, str], root_name: str) -> None:
        loader = Sources(texts, root_name)
        self.html = MailEnvironment(loader, autoescape=True)
        self.text = MailEnvironment(loader, autoescape=False)


class Sources(BaseLoader):
    """Loads from texts that were read before, so that a rendering opens no file."""

    def __init__(self, texts: Mapping[str, str], root_name: str) -> None:
        self._texts = texts
        self._root_name = root_name

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, None]:
        if template not in self._texts:
            raise TemplateNotFound(template)
        return self._texts[template], f"{self._root_name}/{template}", None
