"""Styles that are kept from frame to frame: whatever changes one, looks say so as if nothing were kept."""

# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from framepress.page import Page
from framepress.renderer import Renderer
from stage import Stage, place_of, root

FPS = Fraction(10)
FRAMES = range(6)

#: At frame 3 something changes the colour or another property of `#seen`, and it stays like that.
AT = "addEventListener('hf-seek', (e) => { const on = e.detail.time >= 0.3; %s });"
SEEN = '<div id="seen" style="width:40px;height:20px">seen</div>'
NAME = "<b id=name>name</b>"


def page(body: str, script: str, style: str = "") -> str:
    return root(f"{NAME}<style>{style}</style>{body}<script>{AT % script}</script>", seconds="0.6", fps="10")


CHANGES = {
    "a style of its own": page(SEEN, "seen.style.color = on ? 'red' : ''"),
    "a style around it": page(f"<section id=up>{SEEN}</section>", "up.style.color = on ? 'red' : ''"),
    "a variable around it": page(
        f"<section id=up>{SEEN}</section>", "up.style.setProperty('--c', on ? 'red' : 'blue')", "#seen {color: var(--c)}"
    ),
    "its own text in the same box": page(SEEN, "seen.firstChild.data = on ? 'nees' : 'seen'"),
    "another text node in the same box": page(SEEN, "seen.textContent = on ? 'nees' : 'seen'"),
    "an attribute of its own": page(SEEN, "seen.setAttribute('align', on ? 'left' : 'right')"),
    "a text while it is hidden": page(
        SEEN, "seen.style.visibility = e.detail.time < 0.5 ? 'hidden' : ''; seen.firstChild.data = on ? 'nees' : 'seen'"
    ),
    "a class of a neighbour": page(
        f"<i id=near></i>{SEEN}", "near.classList.toggle('on', on)", ".on + #seen {color: red}"
    ),
    "an attribute of a neighbour": page(
        f"<i id=near></i>{SEEN}", "near.toggleAttribute('data-on', on)", "[data-on] ~ #seen {color: red}"
    ),
    "its place among others": page(
        f"<section id=up>{SEEN}</section>",
        "if (on && up.children.length === 1) up.prepend(document.createElement('span'))",
        "#seen:nth-child(2) {color: red}",
    ),
    "a text that is gone": page(
        f"<i id=near>x</i>{SEEN}", "near.textContent = on ? '' : 'x'", "i:empty + #seen {color: red}"
    ),
    "a text that is asked for from above": page(
        f"<section id=up><i id=near style='display:block;height:9px'>x</i>{SEEN}</section>",
        "near.textContent = on ? '' : 'x'",
        "#up:has(i:empty) #seen {color: red}",
    ),
    "the direction of a text": page(
        '<p id=up dir=auto><i id=near>x</i><u id=seen style="position:absolute;left:9px;top:40px;width:40px">12</u></p>',
        "near.textContent = on ? 'שלום' : 'x'",
    ),
    "a state that is no attribute": page(
        f"<input type=checkbox id=near>{SEEN}", "near.checked = on", "#near:checked + #seen {color: red}"
    ),
    "the focus": page(
        f"<button id=near>x</button>{SEEN}", "on ? near.focus() : near.blur()", "#near:focus + #seen {color: red}"
    ),
    "a neighbour's style attribute": page(
        f"<i id=near></i>{SEEN}", "near.style.top = on ? '1px' : '2px'", "[style*='1px'] + #seen {color: red}"
    ),
    "the size of a container": page(
        f'<section id=up style="container-type:inline-size;width:90px">{SEEN}</section>',
        "up.style.width = on ? '50px' : '90px'",
        "@container (width < 60px) {#seen {color: red}}",
    ),
    "a rule edited in place": page(
        SEEN, "if (on) document.querySelectorAll('style')[1].sheet.cssRules[0].style.color = 'red'", "#seen {color: blue}"
    ),
    "a rule got hold of earlier": page(
        SEEN + "<script>const rule = document.querySelectorAll('style')[1].sheet.cssRules[0]</script>",
        "rule.style.color = on ? 'red' : 'blue'",
        "#seen {color: blue}",
    ),
    "a rule that is added": page(
        SEEN, "const s = document.querySelectorAll('style')[1].sheet; if (on) s.insertRule('#seen {color: red}', 0)"
    ),
    "a sheet that is put away": page(
        SEEN, "document.querySelectorAll('style')[1].sheet.disabled = on", "#seen {color: blue}"
    ),
    "a sheet that is adopted": page(
        SEEN,
        "if (on && !window.s) { window.s = new CSSStyleSheet(); s.replaceSync('#seen {color: red}');"
        "document.adoptedStyleSheets = [...document.adoptedStyleSheets, s]; }",
    ),
    "the text of a sheet": page(
        SEEN, "if (on) document.querySelectorAll('style')[1].textContent = '#seen {color: red}'", "#seen {color: blue}"
    ),
    "an animation": page(
        SEEN, "", "#seen {animation: c 0.6s linear both} @keyframes c {from {color: red} to {color: blue}}"
    ),
    "a transform of its own": page(SEEN, "seen.style.transform = on ? 'rotate(4deg)' : 'none'"),
    "more of its own style than a transform": page(
        SEEN, "seen.style.cssText = on ? 'transform:rotate(4deg);color:red' : 'color:blue;transform:none'"
    ),
    "an animation that moves": page(
        SEEN, "", "#seen {animation: c 0.6s linear both} @keyframes c {from {opacity: 0} to {opacity: 1}}"
    ),
    "an animation that moves and colours": page(
        SEEN,
        "",
        "#seen {animation: c 0.6s linear both} @keyframes c {from {opacity: 0.9; color: red} to {opacity: 0.9; color: blue}}",
    ),
    "an animation around it that is inherited": page(
        f"<section id=up style='perspective:400px'>{SEEN}</section>",
        "",
        "#seen {opacity: inherit} #up {animation: c 0.6s linear both} @keyframes c {from {opacity: 0} to {opacity: 1}}",
    ),
    "an opacity around it that its own style inherits": page(
        f"<section id=up>{SEEN.replace('style=', 'style=opacity:inherit;')}</section>",
        "up.style.opacity = on ? '0.4' : '1'",
    ),
    "a size in shares of a container": page(
        '<div style="display:flex;width:150px"><i id=near style="width:90px"></i><section style="flex:1;container-type:inline-size">'
        '<div id=seen>seen</div></section></div>',
        "near.style.width = on ? '50px' : '90px'",
        "#seen {border-radius: 3cqw; letter-spacing: 1cqw}",
    ),
    "a pseudo-element in shares of a box": page(
        '<div style="display:flex;width:150px"><i id=near style="width:90px"></i><div id=seen style="flex:1;position:relative">seen</div></div>',
        "near.style.width = on ? '50px' : '90px'",
        "#seen::after {content: 'x'; position: absolute; width: 50%}",
    ),
    "an animation around it": page(
        f"<section id=up>{SEEN}</section>",
        "",
        "#up {animation: c 0.6s linear both} @keyframes c {from {color: red} to {color: blue}}",
    ),
    "an animation of a pseudo-element": page(
        SEEN,
        "",
        "#seen::before {content: 'x'; animation: c 0.6s linear both} @keyframes c {from {color: red} to {color: blue}}",
    ),
    "an animation that is cancelled": page(
        SEEN + "<script>const a = seen.animate([{color: 'red'}, {color: 'red'}], {duration: 100, fill: 'both'})</script>",
        "if (on) a.cancel()",
    ),
    "keyframes that are exchanged": page(
        SEEN + "<script>const a = seen.animate([{color: 'red'}, {color: 'red'}], {duration: 100, fill: 'both'})</script>",
        "if (on) a.effect.setKeyframes([{color: 'blue'}, {color: 'blue'}])",
    ),
    "a box that its transform depends on": page(
        '<div style="display:flex;width:150px"><i id=near></i><div id=seen style="flex:1;transform:translateX(50%)">seen</div></div>',
        "near.style.width = on ? '50px' : '90px'",
    ),
    "SVG that moves elsewhere": page(
        "<svg width=9 height=9><set href='#seen' attributeName='fill' to='red' begin='0.25s'/></svg>"
        "<svg width=40 height=20><rect id=seen width=40 height=20 /></svg>",
        "",
    ),
    "a part that follows its text": page(
        '<div id=seen style="position:relative;width:90px;height:20px">seen</div>',
        "seen.firstChild.data = on ? 'nees nees' : 'seen'",
        "#seen::after {content: 'x'; position: absolute}",
    ),
    "the direction of a text that is apart": page("<bdi id=seen>12</bdi>", "seen.firstChild.data = on ? 'שלום' : 'x'"),
    "a part in shares of a box that grows with its text": page(
        '<div id=up style="display:inline-block;position:relative">9<div id=seen style="width:20px;height:20px"></div></div>',
        "up.firstChild.data = on ? '99 999 999' : '9'",
        "#seen::after {content: ''; position: absolute; left: 0; bottom: 0; width: 100%; height: 2px}",
    ),
    "the text of its own sheet": page(
        f"<style id=rules>#seen {{color: blue}}</style>{SEEN}", "rules.firstChild.data = on ? '#seen {color: red}' : '#seen {color: blue}'"
    ),
    "what is around a personal element is hidden": page(
        SEEN.replace("style=", "style=visibility:visible;"), "document.querySelector('#name').parentElement.style.visibility = on ? 'hidden' : ''"
    ),
    "a shadow tree": page(
        "<div id=host></div><script>host.attachShadow({mode: 'open'}).innerHTML = '<p>seen</p>'</script>",
        "host.style.color = on ? 'red' : ''",
    ),
}  # fmt: skip


#: The same of what is said of `#seen` itself, and of what is around it.
UP = "<section id=up style='%s'><div id=seen style='position:absolute;left:20px;%s'>seen</div></section>"
TOLD = {
    "a text that is shifted in the same box": page(
        '<div id=seen style="width:200px;height:20px"><i id=near style="display:inline-block;width:9px;height:9px"></i>seen</div>',
        "near.style.width = on ? '60px' : '9px'",
    ),
    "what is around it cuts it off": page(
        UP % ("position:relative;height:90px;overflow:hidden", "top:9px;height:60px"), "up.style.height = on ? '30px' : '90px'"
    ),
    "what is around it is written otherwise": page(UP % ("", ""), "up.setAttribute('style', on ? 'opacity:1.0' : 'opacity:1')"),
    "an attribute around it": page(UP % ("", ""), "up.setAttribute('title', on ? 'a' : 'b')"),
    "a script begins to shift what is scaled": page(
        UP % ("", ""), "up.style.transform = on ? 'translateX(0px)' : ''", "#up {transform: translateX(0)} #seen {scale: 1.5}"
    ),
    "a script begins to shift it and it is scaled": page(
        UP % ("", ""), "seen.style.opacity = '1'; seen.style.transform = on ? 'translateX(0px)' : ''", "#seen {scale: 1.5; transform: translateX(0)}"
    ),
    "something in it moves": page(
        "<div id=seen style='width:300px'><i id=near style='display:inline-block;animation:m 0.6s linear both'>9</i></div>",
        "", "@keyframes m {to {transform: translateX(200px)}}",
    ),
    "what is around it is turned over": page(
        "<section id=up style='width:400px'><p id=seen style='width:400px'>Anna</p></section>",
        "up.style.transform = on ? 'scaleX(-1)' : ''",
    ),
    "the stage of a label without a size": page(
        "<section id=up style='transform-origin:0 0'><div id=seen style='position:absolute;left:0;top:0;width:0;height:0;"
        "display:flex;justify-content:center;white-space:nowrap'>Anna</div></section>",
        "up.style.transform = on ? 'scale(2)' : ''",
    ),
    "a text in an element without a box": page(
        "<div id=seen style='width:400px'><span id=near style='display:contents'>9</span> orders</div>",
        "near.firstChild.data = on ? '99 999 999' : '9'",
    ),
    "a clip of what is around it and hidden": page(
        UP % ("position:relative;height:90px;visibility:hidden;animation:c 0.6s linear both", "visibility:visible;top:9px;height:60px"),
        "", "@keyframes c {from {clip-path: none} 50% {clip-path: none} to {clip-path: inset(80px)}}",
    ),
    "another element in its place": page(
        UP % ("", ""), "if (on && !window.did) { did = seen.cloneNode(true); did.textContent = 'nees'; seen.replaceWith(did); }"
    ),
    "it goes and comes back": page(UP % ("", ""), "seen.hidden = e.detail.time > 0.15 && !on"),
    "what it leaves of itself": page(
        UP % ("", "width:90px;animation:w 0.6s linear both"), "", "@keyframes w {from {clip-path: inset(0 80px 0 0)} to {clip-path: inset(0)}}"
    ),
    "it rises": page(
        UP % ("", "animation:r 0.3s linear both"), "", "@keyframes r {from {transform: translateY(30px); opacity: 0}}"
    ),
    "its text": page(UP % ("", "width:90px"), "seen.firstChild.data = on ? 'nees' : 'seen'"),
    "its own colour": page(UP % ("", "width:90px"), "seen.style.color = on ? 'red' : 'blue'"),
}  # fmt: skip

#: What is told of a personal element, but for how it came about.
FACTS = ("ink", "path", "marks", "still", "tossed", "look")


def told(page: Page, *, remembered: bool) -> list[list[object]]:
    """What is said of `#seen` at each frame; remembered from frame to frame, or worked out at each."""
    page.evaluate(f"__framepress.setLayers(['{place_of(page, '#seen')}'])")
    page.evaluate('__framepress.showLayer("personal", true)')
    found = []
    for index in FRAMES:
        if not remembered:
            page.evaluate('__framepress.showLayer("personal", true)')
        page.seek(index, FPS)
        assert page.layer_state is not None
        found.append([page.layer_state["personal"][0][name] for name in FACTS])
    return found


@pytest.mark.parametrize("change", TOLD)
def test_what_is_remembered_of_an_element_is_what_would_be_worked_out(stage: Stage, change: str) -> None:
    def of_a_new_page(*, remembered: bool) -> list[list[object]]:
        renderer = stage.renderer(TOLD[change])
        renderer.open(stage.variant(renderer))
        with renderer.warm.guard() as page:
            return told(page, remembered=remembered)

    worked_out = of_a_new_page(remembered=False)
    assert any(one != worked_out[0] for one in worked_out), "nothing changed, so nothing could go wrong"
    assert of_a_new_page(remembered=True) == worked_out


LATE = Path(__file__).parents[1] / "src" / "framepress" / "fonts" / "NotoSansMono-Bold.ttf"


def waiting_for_font(stage: Stage, line_height: int, more: str = "") -> Renderer:
    """`#seen` in a font that is beside the page and that nothing loads. `more`: further styles."""
    (stage.folder / LATE.name).write_bytes(LATE.read_bytes())
    style = f"#seen {{font: 40px/{line_height}px Late, serif; width: 500px}} {more}"
    renderer = stage.renderer(page(SEEN.replace("style=", "data-was="), "", style))
    renderer.open(stage.variant(renderer))
    return renderer


def test_a_font_that_comes_late_draws_the_text_elsewhere_in_the_same_box(stage: Stage) -> None:
    with waiting_for_font(stage, 40).warm.guard() as open_page:
        place = place_of(open_page, "#seen")

        def ink() -> object:
            return open_page.evaluate("__framepress.settled()")["layers"]["personal"][0]["ink"]

        def watch() -> None:
            open_page.evaluate(f"__framepress.setLayers(['{place}'])")
            open_page.evaluate('__framepress.showLayer("personal", true)')

        watch()
        open_page.seek(0, FPS)
        early = ink()
        load = f"new FontFace('Late', 'url({LATE.name})')"
        open_page.evaluate(f"(async () => document.fonts.add(await {load}.load()))()")
        late = ink()
        watch()
        assert late == ink() != early


#: A font named Late, as (`document.fonts.add`) a script gets it.
ADD_FONT = f"""async (options) => {{
  const face = await new FontFace("Late", "url({LATE.name})", options).load();
  document.fonts.add(face);
  return face;
}}"""


def test_a_font_that_comes_for_one_that_goes_draws_other_letters(stage: Stage) -> None:
    with waiting_for_font(stage, 80).warm.guard() as open_page:
        place = place_of(open_page, "#seen")
        open_page.seek(0, FPS)
        open_page.evaluate(f"({ADD_FONT})({{}}).then((face) => {{ window.first = face; }})")
        early = personal_ink(open_page, place)
        other = "{ sizeAdjust: '60%', ascentOverride: '180%', descentOverride: '40%', lineGapOverride: '0%' }"
        open_page.evaluate(f"({ADD_FONT})({other}).then(() => {{ document.fonts.delete(window.first); }})")
        late = personal_ink(open_page, place)
        open_page.evaluate("(() => { document.querySelector('#seen').firstChild.data += '\u2009'; })()")
        assert late != early
        assert late[1::2] == personal_ink(open_page, place)[1::2], "a text that was not measured before"


@pytest.mark.parametrize("comes", [False, True])
def test_a_text_that_is_wiped_in_while_its_font_comes_is_captured_whole_and_not_remembered(
    stage: Stage, comes: bool
) -> None:
    wiped = "@keyframes wiped {from {clip-path: inset(0 100% 0 0)} to {clip-path: inset(0)}}"
    style = f"#seen {{animation: wiped 1s linear both}} {wiped}"
    with waiting_for_font(stage, 40, style).warm.guard() as open_page:
        place = place_of(open_page, "#seen")
        open_page.evaluate(f"__framepress.setLayers(['{place}'])")
        open_page.evaluate('__framepress.showLayer("personal", true)')
        for index in range(1, 4):
            open_page.seek(index, FPS)
        if comes:
            open_page.evaluate(f"({ADD_FONT})({{}}).then(() => {{}})")
        open_page.seek(4, FPS)
        assert open_page.layer_state is not None
        told = open_page.layer_state["personal"][0]
        assert told["changed"]
        assert (told["wipe"] is None) is comes
        assert (told["moment"] == 0) is comes, "its picture is not the one at this moment of another row"


def personal_ink(page: Page, place: str) -> list[float]:
    page.evaluate(f"__framepress.setLayers(['{place}'])")
    page.evaluate('__framepress.showLayer("personal", true)')
    return list(page.evaluate("__framepress.settled()")["layers"]["personal"][0]["ink"])


def any_ink(page: Page, place: str) -> list[float]:
    told = page.evaluate("__framepress.looks()")
    return list(told["ink"][told["places"].index(place)])


def seen_ink(page: Page, place: str) -> list[float]:
    return list(page.evaluate(f"__framepress.seenAt(['{place}'])")[0])


def line_box(page: Page, place: str) -> list[float]:
    texts = page.evaluate("__framepress.layoutFacts()")["texts"]
    return next(list(fact["lines"][0]) for fact in texts if fact["place"] == place)


@pytest.mark.parametrize("ink_of", [personal_ink, any_ink, seen_ink, line_box])
def test_a_font_that_comes_late_draws_higher_letters_in_lines_of_the_same_height(
    stage: Stage, ink_of: Callable[[Page, str], list[float]]
) -> None:
    load = """(async () => {
      const pen = document.createElement("canvas").getContext("2d");
      pen.font = "40px serif";
      const { fontBoundingBoxAscent: above, fontBoundingBoxDescent: below } = pen.measureText("x");
      // Of twice the size, and as high as the one that stood for it.
      const as = { sizeAdjust: "200%", ascentOverride: `${above / 0.8}%`, descentOverride: `${below / 0.8}%`, lineGapOverride: "0%" };
      document.fonts.add(await new FontFace("Late", "url(FONT)", as).load());
    })()"""
    with waiting_for_font(stage, 80).warm.guard() as open_page:
        place = place_of(open_page, "#seen")
        open_page.seek(0, FPS)
        early = ink_of(open_page, place)
        open_page.evaluate(load.replace("FONT", LATE.name))
        late = ink_of(open_page, place)
        open_page.evaluate("(() => { document.querySelector('#seen').firstChild.data += '\u2009'; })()")
        assert late != early
        assert late[1::2] == ink_of(open_page, place)[1::2], "a text that was not measured before"


def rests(page: Page, *, kept: bool) -> list[int]:
    """How the page looks at each frame but for `#name`, with styles kept or all of them read."""
    page.evaluate(f"__framepress.setLayers(['{place_of(page, '#name')}'])")
    page.evaluate(f'__framepress.showLayer("personal", {str(kept).lower()})')
    found = []
    for index in FRAMES:
        page.seek(index, FPS)
        if kept:
            assert page.layer_state is not None
            found.append(int(page.layer_state["rest"]))
        else:
            found.append(int(page.evaluate("__framepress.restLook(true)")))
    return found


#: In the daily suite: one for each way of forgetting.
DAILY = (
    "its own text in the same box",
    "a style around it",
    "a class of a neighbour",
    "a text that is gone",
    "a rule got hold of earlier",
    "an animation",
    "an animation that moves",
    "an animation around it that is inherited",
)


@pytest.mark.parametrize(
    "change", [pytest.param(name, marks=[] if name in DAILY else pytest.mark.slow) for name in CHANGES]
)
def test_kept_styles_tell_the_same_as_styles_read_at_every_frame(stage: Stage, change: str) -> None:
    def of_a_new_page(*, kept: bool) -> list[int]:
        renderer = stage.renderer(CHANGES[change])
        renderer.open(stage.variant(renderer))
        with renderer.warm.guard() as page:
            return rests(page, kept=kept)

    read = of_a_new_page(kept=False)
    assert len(set(read)) > 1, "nothing changed, so nothing could go wrong"
    assert of_a_new_page(kept=True) == read
