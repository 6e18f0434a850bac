"""Small pages made at random, each with a list of rows: whatever nobody has thought of as a danger for reuse.

A page is a handful of parts, some personal and some not, each with a place, a style, an effect and an animation
out of those that templates use. The same seed gives the same page.
"""

# HTML reads better in one line than in pieces.
# ruff: noqa: E501

from __future__ import annotations

import random

from dangers import Danger, avatars, declared

FIRST = (
    "Ada",
    "Bartholomew",
    "Cy",
    "Dmitri",
    "Eleonora",
    "Flo",
    "Guillermina",
    "Ng",
    "Ödön",
    "Zed",
    "Ivo",
    "Jan",
)
LAST = ("Li", "Krishnamurthy", "Wu", "O'Neill", "van der Berg", "Fy", "Papadopoulos", "Ek", "Ruiz", "Åström")
COLOURS = ("#d22", "#2a4", "#36c", "#c3c", "#0aa", "#777", "#f80", "#123")
CITIES = ("Rome", "Oslo", "Ulaanbaatar", "Llanfair", "Rio de Janeiro", "Ii")

#: How a part comes, stays or goes; each has keyframes `a<index>` below.
KEYFRAMES = (
    "from{opacity:0}",
    "from{transform:translateX(-40px);opacity:0}",
    "from{transform:translateY(30px)}",
    "from{transform:scale(.6)}",
    "from{transform:rotate(-8deg)}",
    "from{clip-path:inset(0 100% 0 0)} to{clip-path:inset(0)}",
    "from{filter:blur(4px)}",
    "from{background-color:#fff}",
    "from{letter-spacing:4px}",
    "50%{transform:translate(13.3px,7.7px)}",
    "from{width:0}",
    "from{color:#fff0}",
    "from{z-index:-1} to{z-index:3}",
)
EASES = ("linear", "ease-out", "cubic-bezier(.2,1.4,.4,1)", "steps(4)", "ease-in-out")

STYLES = (
    "opacity:.7",
    "border-radius:9px;overflow:hidden",
    "box-shadow:2px 3px 6px #0008",
    "text-shadow:1px 2px 2px #0009",
    "border:2px solid #345",
    "outline:3px solid #a55",
    "transform:rotate(3deg)",
    "transform:translate(.4px,.3px)",
    "filter:drop-shadow(2px 2px 2px #0007)",
    "clip-path:inset(2px 4px)",
    "background:linear-gradient(90deg,#fa0,#09f)",
    "font-weight:700;letter-spacing:.5px",
    "text-transform:uppercase",
    "font-style:italic",
    "will-change:transform",
    "z-index:2",
    "z-index:1;isolation:isolate",
    "mask-image:linear-gradient(90deg,#000 60%,#0000)",
)


def page_of(seed: int) -> Danger:
    """The page of a seed; what `Danger` says of paths is not meant: any may be right."""
    dice = random.Random(seed)
    head = "".join(f"@keyframes a{index}{{{frames}}}" for index, frames in enumerate(KEYFRAMES))
    return Danger(
        f"random {seed}",
        "".join(_part(dice, dice.random() < 0.5, 0) for _ in range(dice.randint(3, 7))) + _name(dice),
        head=f"<style>{head}</style>",
        rows=[_row(dice) for _ in range(10)],
        variables=declared(NAME="Ann", CITY="Rome", NUM="40", COLOUR="#d22", PIC="a0.png"),
        files=avatars,
        seconds="2",
    )


def _row(dice: random.Random) -> dict[str, object]:
    name = dice.choice(FIRST) + (f" {dice.choice(LAST)}" if dice.random() < 0.6 else "")
    return {
        "name": name,
        "city": dice.choice(CITIES),
        "num": dice.randint(5, 99),
        "colour": dice.choice(COLOURS),
        "pic": f"a{dice.randrange(6)}.png",
    }


def _name(dice: random.Random) -> str:
    """What is in every page, so that rows differ."""
    return f"<p style='{_place(dice)};{_look(dice)}'>{{{{$NAME}}}}</p>"


def _place(dice: random.Random) -> str:
    return f"position:absolute;left:{dice.randint(-20, 240)}px;top:{dice.randint(-10, 150)}px"


def _look(dice: random.Random) -> str:
    found = [f"font-size:{dice.choice((12, 16, 17.5, 24, 33))}px"]
    found += dice.sample(STYLES, dice.choice((0, 0, 1, 1, 2)))
    if dice.random() < 0.6:
        seconds, delay = dice.choice((0.3, 0.6, 1.1, 1.7)), dice.choice((0, 0, 0.2, 0.5, 0.9))
        turns = dice.choice(("1", "1", "1", "2", "infinite alternate"))
        found.append(
            f"animation:a{dice.randrange(len(KEYFRAMES))} {seconds}s {dice.choice(EASES)} {delay}s {turns} both"
        )
    return ";".join(found)


def _part(dice: random.Random, personal: bool, depth: int) -> str:
    kinds = (_text, _box, _picture, _shape, _group) if depth < 2 else (_text, _box, _picture, _shape)
    return dice.choice(kinds)(dice, personal, depth)


def _text(dice: random.Random, personal: bool, depth: int) -> str:
    words = dice.choice(
        ("{{$NAME}}", "{{$CITY}}", "{{$NUM}} %", "Hi {{$NAME}}!", "from <b>{{$CITY}}</b> with love")
    )
    common = dice.choice(("common words", "Sale", "a line that is a little longer", "<b>bold</b> and not"))
    style = "" if depth else f"{_place(dice)};"
    width = dice.choice(("", "", "width:110px;", "white-space:nowrap;"))
    return f"<p style='{style}{width}{_look(dice)}'>{words if personal else common}</p>"


def _box(dice: random.Random, personal: bool, depth: int) -> str:
    place = _place(dice) if not depth else "position:relative"
    wide, high = dice.randint(10, 120), dice.randint(4, 60)
    size = dice.choice(
        (
            f"width:calc({{{{$NUM}}}}px * 2);height:{high}px",
            f"width:{wide}px;height:{{{{$NUM}}}}px",
            f"width:{wide}px;height:{high}px",
        )
        if personal
        else (f"width:{wide}px;height:{high}px",)
    )
    colour = "{{$COLOUR}}" if personal and "NUM" not in size else dice.choice(COLOURS)
    return f"<div style='{place};{size};background:{colour};{_look(dice)}'></div>"


def _picture(dice: random.Random, personal: bool, depth: int) -> str:
    place = _place(dice) if not depth else "display:block"
    source = "{{$PIC}}" if personal else "a3.png"
    return f"<img src='{source}' style='{place};width:{dice.choice((24, 40, 48, 61))}px;{_look(dice)}'>"


def _shape(dice: random.Random, personal: bool, depth: int) -> str:
    place = _place(dice) if not depth else "display:block"
    fill = "{{$COLOUR}}" if personal else dice.choice(COLOURS)
    length = "{{$NUM}}" if personal and dice.random() < 0.5 else "60"
    return (
        f"<svg width=80 height=40 style='{place};{_look(dice)}'><circle cx=20 cy=20 r=12 fill='{fill}'/>"
        f"<path d='M30 20 h{length}' stroke='#124' stroke-width=3 fill=none stroke-dasharray='8 3'/></svg>"
    )


def _group(dice: random.Random, personal: bool, depth: int) -> str:
    inside = "".join(
        _part(dice, personal and dice.random() < 0.6, depth + 1) for _ in range(dice.randint(1, 3))
    )
    ground = dice.choice(("", "background:#fffc;", "background:#0643;", "background:#fff;"))
    layout = dice.choice(("", "display:flex;gap:5px;", "display:grid;"))
    return f"<div style='{_place(dice)};padding:5px;max-width:260px;{ground}{layout}{_look(dice)}'>{inside}</div>"
