"""What a composition says about its variables, and whether a text keeps to it.

The block is JSON: ``{"NAME": {"type": ..., "default": ..., "required": ..., "fallback": ..., "maxLength":
..., "min": ..., "max": ..., "pattern": ..., "options": [...], "label": ..., "description": ...}, ...}``.
Every member may be left out. Without `type`, a number or true/false as default gives `number` or `boolean`,
options give `enum`, everything else is `string`. `pattern` is a Python regular expression that the whole
value must match.
"""

from __future__ import annotations

import datetime
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NoReturn, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from framepress.errors import CompositionError
from framepress.escaping import is_color
from framepress.lexeme import Lexeme

VariableType = Literal["string", "number", "color", "boolean", "enum", "image", "font", "url", "html", "date"]
VARIABLE_TYPES: tuple[str, ...] = get_args(VariableType)

#: Characters of a value above which `pattern` refuses it unseen, so that a slow expression stays bounded.
PATTERN_LENGTH_MAX = 1_000

_NAME = re.compile(r"[A-Za-z_][\w.\- ]{0,99}")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

#: Offset in the block -> ``file:line:column``.
Placer = Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared variable. Texts are canonical; `default` and `fallback` are None where there is none."""

    name: str
    type: str = "string"
    default: str | None = None
    required: bool = True
    fallback: str | None = None
    max_length: int | None = None
    min: Decimal | None = None
    max: Decimal | None = None
    pattern: str | None = None
    options: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a text: a stable rule, and what was expected instead."""

    rule: str
    expected: str


def _scalar(value: object) -> object:
    if value is None or isinstance(value, str | bool):
        return value
    raise ValueError("expected a string, a number, true, false or null")


def _number(value: object) -> object:
    if isinstance(value, Lexeme) and _NUMBER.fullmatch(value):
        return Decimal(value)
    raise ValueError("expected a number")


def _count(value: object) -> object:
    if isinstance(value, Lexeme) and value.isdecimal() and len(value) < 10:
        return int(value)
    raise ValueError("expected a whole number, 0 or more")


def _text(value: object) -> object:
    if isinstance(value, str) and not isinstance(value, Lexeme):
        return value
    raise ValueError("expected a string")


def _regex(value: object) -> object:
    try:
        re.compile(str(_text(value)))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"expected a Python regular expression ({error})") from error
    return value


_Scalar = Annotated[Any, BeforeValidator(_scalar)]
_Text = Annotated[str, BeforeValidator(_text)]


class _Entry(BaseModel):
    """One member of the block as it is written."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    type: Annotated[VariableType | None, BeforeValidator(_text)] = None
    default: _Scalar = None
    required: bool = True
    fallback: _Scalar = None
    max_length: Annotated[int | None, BeforeValidator(_count)] = Field(default=None, alias="maxLength")
    min: Annotated[Decimal | None, BeforeValidator(_number)] = None
    max: Annotated[Decimal | None, BeforeValidator(_number)] = None
    pattern: Annotated[str | None, BeforeValidator(_regex)] = None
    options: list[_Scalar] = Field(default_factory=list)
    label: _Text = ""
    description: _Text = ""


def scalar_text(value: object) -> str | None:
    """A JSON scalar as canonical text (NFC); None for null."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return unicodedata.normalize("NFC", str(value))


class _Duplicate(ValueError):
    pass


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Duplicate(next(name for name in names if names.count(name) > 1))
    return members


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _load(text: str, place: Placer) -> dict[str, object]:
    try:
        block = json.loads(
            text,
            parse_int=Lexeme,
            parse_float=Lexeme,
            parse_constant=_refuse_constant,
            object_pairs_hook=_members,
        )
    except json.JSONDecodeError as error:
        raise CompositionError(
            f"{place(error.pos)}: the declarations are not JSON: {error.msg}.",
            rule="declarations-json",
        ) from error
    except _Duplicate as error:
        name = str(error)
        at = [match.start() for match in re.finditer(re.escape(json.dumps(name, ensure_ascii=False)), text)]
        raise CompositionError(
            f'{place(at[1] if len(at) > 1 else 0)}: "{name}" stands twice in one object of the declarations. '
            "Remove one of them.",
            rule="declarations-duplicate",
        ) from error
    except (ValueError, RecursionError) as error:
        raise CompositionError(
            f"{place(0)}: the declarations are not JSON: {str(error)[:100]}.", rule="declarations-json"
        ) from error
    if not isinstance(block, dict):
        raise CompositionError(
            f'{place(0)}: the declarations are not an object; expected {{"NAME": {{"default": "..."}}}}.',
            rule="declarations-json",
        )
    return block


def parse_declarations(text: str, place: Placer) -> dict[str, Declaration]:
    """Read the block.

    Args:
        text: its content; blank means no declarations.
        place: turns an offset in `text` into ``file:line:column``.

    Raises:
        CompositionError: not JSON, or a member that breaks a rule, with its place.
    """
    if not text.strip():
        return {}
    declarations: dict[str, Declaration] = {}
    for name, entry in _load(text, place).items():
        key = re.search(rf"{re.escape(json.dumps(name, ensure_ascii=False))}\s*:", text)
        declarations[name] = _declaration(name, entry, place(key.start() if key else 0))
    return declarations


def _declaration(name: str, entry: object, where: str) -> Declaration:
    if not _NAME.fullmatch(name):
        raise CompositionError(
            f'{where}: "{name[:100]}" is no name for a variable; expected a letter followed by '
            'letters, digits and "_" (capitals for {{$NAME}}).',
            rule="declaration-name",
        )
    if not isinstance(entry, dict):
        raise CompositionError(
            f'{where}: the declaration of "{name}" is not an object; write "{name}": {{"default": ...}}.',
            rule="declaration",
        )
    try:
        model = _Entry.model_validate(entry)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        member = ".".join(str(part) for part in problem["loc"])
        detail = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            known = ", ".join(field.alias or key for key, field in _Entry.model_fields.items())
            detail = f"no such member; there are {known}"
        raise CompositionError(
            f'{where}: the declaration of "{name}", member "{member}": {detail}.', rule="declaration"
        ) from error
    declaration = Declaration(
        name=name,
        type=_type_of(model),
        default=scalar_text(model.default),
        required=model.required,
        fallback=scalar_text(model.fallback),
        max_length=model.max_length,
        min=model.min,
        max=model.max,
        pattern=model.pattern,
        options=tuple(scalar_text(option) or "" for option in model.options),
        label=model.label,
    )
    _check_itself(declaration, where)
    return declaration


def _type_of(model: _Entry) -> str:
    if model.type is not None:
        return model.type
    if isinstance(model.default, Lexeme):
        return "number"
    if isinstance(model.default, bool):
        return "boolean"
    return "enum" if model.options else "string"


def _check_itself(declaration: Declaration, where: str) -> None:
    name = declaration.name
    if declaration.type == "enum" and not declaration.options:
        raise CompositionError(f'{where}: "{name}" is an enum without "options".', rule="declaration")
    if declaration.min is not None and declaration.max is not None and declaration.min > declaration.max:
        raise CompositionError(f'{where}: "min" of "{name}" is above its "max".', rule="declaration")
    for member, text in (("default", declaration.default), ("fallback", declaration.fallback)):
        if text:
            for finding in check_text(declaration, text):
                raise CompositionError(
                    f'{where}: the {member} of "{name}" breaks the declaration; expected {finding.expected}.',
                    rule=finding.rule,
                )


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _check_type(declaration: Declaration, text: str) -> Finding | None:
    kind = declaration.type
    if kind == "number" and not _NUMBER.fullmatch(text):
        return Finding("type", "a number such as 1284 or -0.5 (a point, no thousands separators)")
    if kind == "boolean" and text not in ("true", "false"):
        return Finding("type", "true or false")
    if kind == "color" and not is_color(text):
        return Finding("type", "a colour such as #1a2b3c, rebeccapurple or rgb(10 20 30)")
    if kind == "date" and not _is_date(text):
        return Finding("type", "a date such as 2025-01-31")
    if kind == "enum" and text not in declaration.options:
        return Finding("options", " or ".join(f'"{option}"' for option in declaration.options))
    return None


def check_text(declaration: Declaration, text: str) -> list[Finding]:
    """Everything a non-empty canonical text breaks, as far as it can be told without files."""
    findings = []
    length_max = declaration.max_length
    if length_max is not None and len(text) > length_max:
        findings.append(Finding("max-length", f"at most {length_max} characters"))
    wrong_type = _check_type(declaration, text)
    if wrong_type:
        findings.append(wrong_type)
    elif _NUMBER.fullmatch(text):
        if declaration.min is not None and Decimal(text) < declaration.min:
            findings.append(Finding("min", f"{declaration.min} or more"))
        if declaration.max is not None and Decimal(text) > declaration.max:
            findings.append(Finding("max", f"{declaration.max} or less"))
    elif declaration.min is not None or declaration.max is not None:
        findings.append(Finding("type", 'a number, because "min" or "max" is declared'))
    if declaration.pattern is not None:
        if len(text) > PATTERN_LENGTH_MAX:
            findings.append(
                Finding("pattern", f"at most {PATTERN_LENGTH_MAX} characters, to match a pattern")
            )
        elif not re.fullmatch(declaration.pattern, text):
            findings.append(Finding("pattern", f"a match of {declaration.pattern}"))
    return findings


def type_of(name: str, declarations: Mapping[str, Declaration]) -> str:
    """The declared type; ``"string"`` for what is used without being declared."""
    declaration = declarations.get(name)
    return declaration.type if declaration else "string"
