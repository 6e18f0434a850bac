"""The block in which a composition declares its variables: found in the page, read, checked in itself.

The block is JSON: ``{"NAME": {"type": ..., "default": ..., "required": ..., "fallback": ..., "maxLength":
..., "min": ..., "max": ..., "pattern": ..., "options": [...], "format": ..., "label": ...,
"description": ...}, ...}``. Every member may be left out. Without `type`, the format gives `number` or
`date`, a number or true/false as default gives `number` or `boolean`, options give `enum`, everything else is
`string`. `pattern` is a Python regular expression that the whole value must match.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from framepress.declarations import NUMBER, Declaration, VariableType, check_text
from framepress.errors import CompositionError
from framepress.formats import format_problem
from framepress.html_parts import Kind, Scan
from framepress.lexeme import Lexeme

_DECLARATIONS_TYPE = "application/hyperframes-vars"
_NAME = re.compile(r"[A-Za-z_][\w.\- ]{0,99}")

#: Offset in the block -> ``file:line:column``.
Placer = Callable[[int], str]


def read_declarations(
    source: str, page: Scan, place: Placer
) -> tuple[dict[str, Declaration], tuple[tuple[int, int], ...]]:
    """The declared variables, and ``(start, end)`` of what has to be cut out of the source.

    Raises:
        CompositionError: two blocks, one that is not closed, and as `parse_declarations`.
    """
    blocks = [
        tag
        for tag in page.tags
        if tag.name == "script" and (tag.get("type") or "").strip().lower() == _DECLARATIONS_TYPE
    ]
    if len(blocks) > 1:
        raise CompositionError(
            f"{place(blocks[1].start)}: a second block of declarations; the first is at "
            f"{place(blocks[0].start)}. Put all of them into one.",
            rule="declarations-twice",
        )
    if not blocks:
        return {}, ()
    tag = blocks[0]
    start = end = tag.end
    for region in page.regions:
        if region.kind is Kind.SCRIPT and region.tag is tag:
            end = region.end
    close = source.find(">", end)
    if not re.match(r"</script[\t\n\f\r />]", source[end : end + 10], re.IGNORECASE) or close < 0:
        raise CompositionError(
            f"{place(tag.start)}: the block of declarations is not closed; add </script>.",
            rule="declarations-unclosed",
        )
    declarations = parse_declarations(source[start:end], lambda offset: place(start + offset))
    return declarations, ((tag.start, close + 1),)


def _scalar(value: object) -> object:
    if value is None or isinstance(value, str | bool):
        return value
    raise ValueError("expected a string, a number, true, false or null")


def _number(value: object) -> object:
    if isinstance(value, Lexeme) and NUMBER.fullmatch(value):
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


def _format(value: object) -> object:
    problem = format_problem(str(_text(value)))
    if problem is not None:
        raise ValueError(problem)
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
    format: Annotated[str | None, BeforeValidator(_format)] = None


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
        declarations[name] = declaration_of(name, entry, place(key.start() if key else 0))
    return declarations


def declaration_of(name: str, entry: object, where: str) -> Declaration:
    """One member of the block, checked in itself.

    Args:
        where: ``file:line:column``, for messages.

    Raises:
        CompositionError: it breaks a rule.
    """
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
        format=model.format,
    )
    _check_itself(declaration, where)
    return declaration


def _type_of(model: _Entry) -> str:
    if model.type is not None:
        return model.type
    if model.format is not None:
        return "date" if model.format.startswith("date") else "number"
    if isinstance(model.default, Lexeme):
        return "number"
    if isinstance(model.default, bool):
        return "boolean"
    return "enum" if model.options else "string"


def _check_itself(declaration: Declaration, where: str) -> None:
    name = declaration.name
    if declaration.format is not None:
        fits = ("string", "date") if declaration.format.startswith("date") else ("string", "number", "enum")
        if declaration.type not in fits:
            raise CompositionError(
                f'{where}: "{name}" is a {declaration.type} and cannot have the format '
                f'"{declaration.format}"; expected the type {fits[1]}.',
                rule="declaration",
            )
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
