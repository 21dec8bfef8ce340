"""Events as canonical JSON: written, read back, and refused with the name of the field.

Canonical means UTF-8 JSON with sorted keys and no spaces. The same event always gives the same
bytes; digests and retries rest on that.
"""

from __future__ import annotations

import difflib
import functools
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import attrs
import msgspec
from msgspec import inspect

from timeline.dates import When, decode_time, encode_time
from timeline.errors import InvalidEvent, InvalidInput, no_text

SLUG = r"\A[a-z0-9]+(-[a-z0-9]+)*\Z"
"""Ids of things: lower-case letters and digits, joined by single hyphens."""

ADDRESS = r"\Ahttps?://(?![^/?#]*@)\S+\Z"
"""Pages make links of addresses: a `javascript:` one would run."""

SHA256 = r"\A[0-9a-f]{64}\Z"

_MEANING = {
    SLUG: "an id of lower-case letters and digits joined by hyphens, such as joint-harbour",
    ADDRESS: "an address that begins with https:// or http://, and names no user or password",
    SHA256: "64 hexadecimal digits in lower case",
}

encode: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=encode_time, order="sorted").encode

_PROBLEMS = (msgspec.MsgspecError, TypeError, ValueError, OverflowError)
"""What the encoder and the decoder raise for a value that does not fit."""


def encode_value(value: Any) -> str:
    """Canonical JSON of any value in the vocabulary."""
    return encode(value).decode()


def decode_value(text: str, kind: Any) -> Any:
    """Read back what `encode_value` wrote, as a value of the given type."""
    return _decoder(kind).decode(text)


_Class = TypeVar("_Class", bound=type)
_Made = TypeVar("_Made")
_Given = ParamSpec("_Given")


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """A decoder for a type of the vocabulary or of the caller's.

    Raises:
        TypeError: the class has a field that JSON cannot hold.
    """
    return msgspec.json.Decoder(kind, dec_hook=decode_time)


_decoder: Callable[[Any], msgspec.json.Decoder[Any]] = functools.cache(decoder)


def written(what: str, value: Any) -> str:
    """Canonical JSON of a value that was checked when it was made.

    Args:
        what: what the message calls it.
        value: the value.

    Raises:
        InvalidEvent: JSON cannot hold it, or it holds characters that are no text.
    """
    try:
        data = encode(value)
        text = data.decode()
    except _PROBLEMS as error:
        raise InvalidEvent(f"{what}: {_at_path(_culprit(value), readable(error))}") from None
    if "\\" not in text and text.isascii() and "\x7f" not in text:
        return text  # A look at a text costs a tenth of one at bytes.
    return _text(what, data)


def checked(value: Any) -> str:
    """Canonical JSON of a value of an attrs class, read back to be sure that it can be.

    Raises:
        InvalidEvent: a field does not fit the class; the message names it.
    """
    cls = type(value)
    try:
        data = encode(value)
        _decoder(cls).decode(data)
    except _PROBLEMS as error:
        problem = _at_path(_culprit(value), readable(error, cls, value))
        raise InvalidEvent(f"{_name(cls)}: {problem}") from None
    return _text(_name(cls), data)


def _name(cls: Any) -> str:
    name: str = cls.__event_type__.name if hasattr(cls, "__event_type__") else cls.__name__
    return name


def checked_when_made(cls: _Class) -> _Class:
    """Let an attrs class refuse, when one is made, what the log could not give back.

    What the log itself makes is not checked again: msgspec does not call `__init__`.
    """
    return _made_by(cls, checked)


def named_when_made(cls: _Class) -> _Class:
    """Let an attrs class name the field that does not fit; what holds one checks the whole."""
    return _made_by(cls, lambda _: None)


def _made_by(cls: _Class, check: Callable[[Any], Any]) -> _Class:
    made: Any = cls
    make = made.__init__

    @functools.wraps(make)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it is one
        try:
            make(self, *args, **kwargs)
        except (TypeError, InvalidInput) as error:
            raise _at_field(error, cls, args, kwargs) from None
        check(self)

    made.__init__ = __init__
    made.__unread__ = make
    return cls


def _at_field(
    error: TypeError | InvalidInput, cls: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Exception:
    """The same error with the name of the field whose converter raised it, if one did."""
    fields = attrs.fields(cls)
    given = {**dict(zip((field.name for field in fields), args, strict=False)), **kwargs}
    for field in fields:
        if field.converter is not None and field.name in given:
            try:
                field.converter(given[field.name])
            except type(error) as again:
                return type(error)(f"{_name(cls)}: {field.name}: {again}")
    return error


def unread(cls: Callable[_Given, _Made], *args: _Given.args, **kwargs: _Given.kwargs) -> _Made:
    """Make a value that is right by construction, without reading it back.

    It is for importers of this package, which have checked each field of a row.
    """
    made: Any = cls
    value: _Made = object.__new__(made)
    made.__unread__(value, *args, **kwargs)
    return value


def require_storable(cls: Any) -> None:
    """Check that the log can hold the fields of an attrs class, whatever their values.

    Where a type is named that comes to be later, the first event of the class is checked instead.

    Raises:
        TypeError: it cannot hold one; the message names class and field.
    """
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except NameError:
        return
    for field in attrs.fields(cls):
        try:
            unfit = _unfit(inspect.type_info(hints[field.name]), ())
        except NameError:
            continue
        except TypeError as error:  # a union that msgspec could not tell apart
            unfit = f"{str(error).partition(' - type ')[0]}. {_CHOOSE}"
        if unfit is not None:
            raise TypeError(f"{_name(cls)}.{field.name}: {unfit}")


_CHOOSE = (
    "JSON does not say which one a value was: give each a field of its own, or make the parts "
    "msgspec.Structs with tags"
)

_TAKEN = "an attrs class, a dataclass, a msgspec.Struct, a type that JSON has, or a When"


def _unfit(shape: Any, within: tuple[Any, ...]) -> str | None:
    """What of a type the log cannot hold, if anything; `within` are the classes around it."""
    if isinstance(shape, inspect.CustomType):
        name = getattr(shape.cls, "__qualname__", shape.cls)
        return None if shape.cls is When else f"expected {_TAKEN}; found {name}"
    if isinstance(shape, inspect.DictType) and not _is_text(shape.key_type):
        return "expected a dict whose keys are str; found other keys. Use a tuple of pairs"
    if isinstance(shape, inspect.DataclassType | inspect.StructType):
        if shape.cls in within:
            return None
        fields = ((field.name, _unfit(field.type, (*within, shape.cls))) for field in shape.fields)
        return next((f"{name}: {problem}" for name, problem in fields if problem), None)
    return next(filter(None, (_unfit(part, within) for part in _inner(shape))), None)


def _is_text(key: Any) -> bool:
    """Whether keys of a mapping are text, or anything: then the values show it."""
    if isinstance(key, inspect.Metadata):
        return _is_text(key.type)
    if isinstance(key, inspect.LiteralType):
        return all(isinstance(value, str) for value in key.values)
    return isinstance(key, inspect.StrType | inspect.AnyType) or (
        isinstance(key, inspect.EnumType) and issubclass(key.cls, str)
    )


def _inner(shape: Any) -> list[Any]:
    """The types that a type which is no class is made of."""
    alone = (getattr(shape, name, None) for name in ("item_type", "value_type", "type"))
    several = (getattr(shape, name, ()) for name in ("item_types", "types"))
    return [part for part in (*alone, *(part for some in several for part in some)) if part]


def _stays_as_made(cls: Any) -> bool:
    return _is_immutable(inspect.type_info(cls))


stays_as_made: Callable[[Any], bool] = functools.cache(_stays_as_made)
"""Whether nothing in a value of a class can change once it is made: no list, no mapping."""


def _is_immutable(shape: Any, within: tuple[Any, ...] = ()) -> bool:
    if isinstance(
        shape, inspect.Metadata | inspect.UnionType | inspect.VarTupleType | inspect.TupleType
    ):
        return all(_is_immutable(part, within) for part in _inner(shape))
    if isinstance(shape, inspect.DataclassType):
        if shape.cls in within:
            return True
        frozen = attrs.has(shape.cls) and shape.cls.__setattr__ is not object.__setattr__
        within = (*within, shape.cls)
        return frozen and all(_is_immutable(field.type, within) for field in shape.fields)
    return isinstance(shape, _PLAIN) or getattr(shape, "cls", None) is When


_PLAIN = (
    inspect.StrType, inspect.IntType, inspect.FloatType, inspect.BoolType, inspect.NoneType,
    inspect.LiteralType, inspect.EnumType, inspect.DateTimeType, inspect.DateType,
    inspect.DecimalType, inspect.UUIDType, inspect.BytesType,
)  # fmt: skip


def _culprit(value: Any) -> str:
    """The path of what cannot be written as JSON, such as `actor.names[1]`; errors name none."""
    for step, part in _steps(value):
        try:
            encode(part)
        except _PROBLEMS:
            return f"{step}{_culprit(part)}"
    return ""


def _steps(value: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a value, each with the step of a path that leads to it."""
    if attrs.has(type(value)):
        names = (field.name for field in attrs.fields(type(value)))
        yield from ((f".{name}", getattr(value, name)) for name in names)
    elif isinstance(value, Mapping):
        yield from ((f".{key}", part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))


def _at_path(path: str, problem: str) -> str:
    path = path.removeprefix(".")
    return f"{path}: {problem}" if path else problem


_UNWANTED = re.compile(
    rb"(?<!\\)(?:\\\\)*(\\u00[01][0-9a-f]|\\[bf])"
    rb"|(\x7f|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9])"
)
"""Controls but tabs and ends of lines, bidi overrides and isolates, in JSON.

Record files refuse them, too. A terminal would obey them, and PostgreSQL's text holds no NUL.
"""


_END_OF_LINE = re.compile(rb"(?<!\\)((?:\\\\)*)\\r(?:\\n)?")


def _text(what: str, data: bytes) -> str:
    """JSON as text, with ends of lines as this package writes them."""
    require_printable(what, data)
    if b"\\r" in data:
        data = _END_OF_LINE.sub(rb"\1\\n", data)
    return data.decode()


def require_printable(what: str, data: bytes) -> None:
    """Check that JSON holds no control characters, nor what turns the direction of text.

    Raises:
        InvalidEvent: it does.
    """
    # The plain looks first cost a hundredth of the pattern.
    if b"\\" in data or b"\x7f" in data or not data.isascii():
        unwanted = _UNWANTED.search(data)
        if unwanted is not None:
            character = f'"{(unwanted[1] or unwanted[2]).decode()}"'
            code = ord(msgspec.json.decode(character, strict=False))
            raise InvalidEvent(
                f"{what}: expected text; found the control character U+{code:04X} in it. Remove it"
            )


def readable(error: Exception, kind: Any = None, value: Any = None) -> str:
    """A message of msgspec's in plain words, with the path in front, as our own errors have it.

    Args:
        error: the error.
        kind: the type that was read; where a word is not among those it knows, they are named.
        value: what was read; the message shows what it has at the path.
    """
    if isinstance(error, UnicodeEncodeError):
        return no_text(error)
    said = str(error)
    if said.startswith("Only dicts with str keys"):
        return "expected text as keys; found other keys"
    problem, at, path = said.rpartition(" - at `$")
    if not at:
        return in_words(said)
    path = path.rstrip("`").lstrip(".")
    unlisted = _NO_CHOICE.match(problem)
    if kind is not None and unlisted is not None:
        problem = _not_among(unlisted[1], _choices(inspect.type_info(kind), path))
    elif value is not None and problem.startswith("Expected "):
        problem = f"{problem.partition(', got ')[0]}; found {_value_at(value, path)!r:.80}"
    return f"{path}: {in_words(problem)}"


_NO_CHOICE = re.compile(r"Invalid enum value '(.*)'\Z", re.DOTALL)
_QUOTED = re.compile("`([A-Za-z0-9_ |]+)`")

_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "str": "text",
    "null": "nothing",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
"""What msgspec calls a type of JSON, and the plain word for it."""


def in_words(problem: str) -> str:
    """A message of msgspec's in plain words.

    >>> in_words("Expected `str | null`, got `int`")
    'expected text or nothing; found a whole number'
    """
    for pattern, meaning in _MEANING.items():
        shown = pattern.replace("\\", "\\\\")
        problem = problem.replace(f"`str` matching regex '{shown}'", meaning)
    problem = _QUOTED.sub(_plain_words, problem)
    return problem.replace(", got ", "; found ").replace("Expected ", "expected ", 1)


def _plain_words(match: re.Match[str]) -> str:
    return " or ".join(_WORDS.get(word, f"'{word}'") for word in match[1].split(" | "))


def _value_at(value: Any, path: str) -> Any:
    """What JSON has at a path such as `attendance[0].status`; up to a key that no message names."""
    here = msgspec.json.decode(encode(value))
    for index, name in re.findall(r"\[(\d+)|(\w+)", path.partition("[...]")[0]):
        here = here[name or int(index)]
    return here


def _not_among(word: str, choices: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, choices, n=1)
    guess = f". Did you mean {close[0]}?" if close else ""
    return f"expected one of {', '.join(choices)}; found {word!r:.80}{guess}"


def _choices(shape: Any, path: str) -> list[str]:
    """The words that a type knows at a path such as `attendance[0].status`."""
    shapes = [shape]
    for step in re.findall(r"\w+|\[", path):
        inner = [part for each in shapes for part in _parts(each)]
        if step == "[":
            shapes = [part.item_type for part in inner if hasattr(part, "item_type")]
        elif not step.isdigit():
            fields = (field for part in inner for field in getattr(part, "fields", ()))
            shapes = [field.type for field in fields if field.encode_name == step]
    known = (part for each in shapes for part in _parts(each))
    return sorted({str(word) for part in known for word in getattr(part, "values", ())})


def _parts(shape: Any) -> list[Any]:
    """The types that a type is made of where it is a union, or carries remarks."""
    if isinstance(shape, inspect.Metadata):
        return _parts(shape.type)
    if isinstance(shape, inspect.UnionType):
        return [part for member in shape.types for part in _parts(member)]
    return [shape]
