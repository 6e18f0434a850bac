"""What only the real page shows: whether personal text has room to grow, and what defeats reuse."""

from __future__ import annotations

from collections.abc import Iterator

from framepress.composition import Composition
from framepress.declarations import Declaration
from framepress.errors import FramepressError
from framepress.lint.advice import Advice
from framepress.preflight.basis import BasisRequest
from framepress.preflight.inspector import Inspector
from framepress.preflight.rules import RULES
from framepress.preflight.surveyor import Surveyor
from framepress.renderer import Renderer
from framepress.variants import Variant

#: Characters of the text that is tried where the declaration has no maxLength: a long name, not an essay.
LENGTH = 32

#: Words of a name, for text that may wrap.
_WORDS = "Maximiliane-Theodora von Hohenberg Wolfeschlegelsteinhausenbergerdorff "

#: Rules that mean that there was no room.
NO_ROOM = frozenset(("text-cut", "out-of-frame", "text-overlap", "more-lines", "text-ellipsis"))


def look_at_page(composition: Composition, renderer: Renderer) -> list[Advice]:
    """Open the composition with its defaults, and with each of its texts long.

    Raises:
        EnvironmentFault: no browser.
    """
    values = {name: one.default for name, one in composition.declarations.items() if one.default is not None}
    try:
        default = Variant(composition.complete(composition.template(), values), {})
    except FramepressError as error:
        return [
            Advice("note", composition.name, "no-default", error.message, "give every variable a default")
        ]
    others = {
        name: (_long(declaration),)
        for name, declaration in composition.declarations.items()
        if declaration.type == "string" and declaration.pattern is None
    }
    facts = composition.facts(default.values)
    try:
        basis = Surveyor(renderer, (facts.width, facts.height)).basis(BasisRequest(default, others))
    except FramepressError as error:
        return [Advice("error", composition.name, error.rule, error.message, "see the message")]
    found = [
        Advice(
            one.severity,
            one.element,
            one.rule,
            f"with the defaults, {RULES[one.rule].title}",
            RULES[one.rule].cure,
        )
        for one in basis.findings
        if one.rule != "no-effect"
    ]
    if basis.stateful:
        found.append(
            Advice(
                "note",
                composition.name,
                "stateful",
                "timers or animation frames are alive after frame 0: every frame is stepped through",
                "draw from the time that hf-seek brings, with CSS or with a registered timeline",
            )
        )
    inspector = Inspector(renderer, basis)
    for name, (text,) in others.items():
        found += _without_room(inspector, default, name, text)
    return found


def _long(declaration: Declaration) -> str:
    length = min(declaration.max_length or LENGTH, LENGTH)
    return _WORDS[:length].strip()


def _without_room(inspector: Inspector, default: Variant, name: str, text: str) -> Iterator[Advice]:
    looked = inspector.inspect(1, Variant({**default.values, name: text}, default.files))
    for one in looked.report.findings:
        if one.rule in NO_ROOM:
            yield Advice(
                "warning",
                one.element,
                "no-room",
                f'with {len(text)} characters in "{name}", {RULES[one.rule].title}',
                'give the box room, data-fit="shrink 0.6" or data-truncate, or declare a maxLength',
            )
