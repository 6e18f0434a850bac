# ruff: noqa: E501 (markup is read more easily unbroken)
"""Dialect B: declared variables, bindings, nested compositions and relative starts.

What is written out is looked at as text; that it works in a page is seen in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from framepress.composition import Composition
from framepress.composition_loading import load_composition
from framepress.errors import CompositionError
from lists import Press, psnr_db
from program import Program
from stage import Stage, browser_options

DECLARED = (
    '[{"id":"name","type":"string","label":"Name","default":"Ada"},'
    '{"id":"accent","type":"color","default":"#ff0000"},'
    '{"id":"points","type":"number","default":12},'
    '{"id":"vip","type":"boolean","default":false},'
    '{"id":"plan","type":"enum","options":[{"value":"basic","label":"Basic"},"pro"],"default":"pro"},'
    '{"id":"face","type":"font","default":{"name":"Inter"}},'
    '{"id":"photo","type":"image","default":{"url":"p.svg"}}]'
)
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"><rect width="20" height="20" fill="#0000ff"/></svg>'
CARD = """<!doctype html>
<html data-composition-variables='[{"id":"title","default":"Plain"},{"id":"price","type":"number","default":7}]'>
<head><style>body { background: #00ff00 } .bar { height: 10px; background: var(--tint, #ff0000) }</style></head>
<body><div data-composition-id="card" data-width="60" data-height="40" data-duration="2">
<div class="bar"></div><p class="t" data-var-text="title">Old</p>
<i class="late" data-start="1" data-duration="0.5"></i>
<script>
const bar = document.querySelector(".bar");
bar.style.width = window.__hyperframes.getVariables().price + "px";
window.__timelines = window.__timelines || {};
window.__timelines["card"] = { pause() {}, duration: () => 2, seek(t) { bar.style.marginLeft = 10 * t + "px"; } };
</script></div></body></html>
"""


def page(body: str, *, declared: str = DECLARED, seconds: str = 'data-duration="4"') -> str:
    return (
        f"<!doctype html><html data-composition-variables='{declared}'><head><meta charset=utf-8></head><body>"
        f'<div data-composition-id="main" data-width="320" data-height="180" {seconds}>{body}</div></body></html>'
    )


def project(folder: Path, body: str, **more: str) -> Composition:
    """A project as a folder, with a picture and a card to nest."""
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    (folder / "p.svg").write_text(PICTURE)
    (folder / "parts/card.html").write_text(CARD)
    (folder / "index.html").write_text(page(body, **more))
    return load_composition(folder)


def test_every_declared_type_is_known(tmp_path: Path) -> None:
    composition = project(tmp_path, "")
    assert dict(composition.types) == {
        "name": "string", "accent": "color", "points": "number", "vip": "boolean", "plan": "enum",
        "face": "string", "photo": "image",
    }  # fmt: skip
    assert composition.declarations["plan"].options == ("basic", "pro")
    assert composition.declarations["face"].default == "Inter"
    assert composition.used() == tuple(composition.declarations)


def test_bindings_are_tokens_and_keep_the_elements_that_stand_inside(tmp_path: Path) -> None:
    body = '<h1 data-var-text="name">Somebody <b>!</b> else</h1><img src="old.png" data-var-src="photo">'
    html = project(tmp_path, body).instantiate({"name": "A<b>", "points": "3"}).html
    assert '<h1 data-var-text="name">A&lt;b><b>!</b></h1>' in html or "A&lt;b&gt;<b>!</b></h1>" in html
    assert '<img src="p.svg" data-var-src="photo">' in html
    script = re.search(r"<head><script>(.*?)</script>", html)
    assert script is not None
    assert '"points":3,"vip":false,"plan":"pro"' in script[1] and "</" not in script[1]


def test_a_binding_to_nothing_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(
        CompositionError, match=r'index.html:1:\d+: data-var-text names "nam".*"name"'
    ) as caught:
        project(tmp_path, '<p data-var-text="nam"></p>')
    assert caught.value.rule == "binding"


def test_nested_compositions_have_their_own_values_and_times(tmp_path: Path) -> None:
    composition = project(
        tmp_path,
        """<div data-composition-id="one" data-composition-src="parts/card.html" data-start="0.5"
          data-variable-values='{"title":"Hi {{name}} & co","price":"{{points}}"}'></div>
        <div data-composition-src="./parts/card.html" data-start="one + 0.5" data-duration="1"></div>""",
    )
    assert set(composition.files) == {"p.svg", "parts/card.html"} - {"p.svg"}
    html = composition.instantiate({"name": "B & C", "points": "40"}).html
    assert "Hi B &amp; C &amp; co" in html and '"price":40' in html and "Plain" in html
    starts = re.findall(r'class="late" data-start="([\d.]+)"', html)
    assert starts == ["1.5", "4"]
    assert (
        'data-duration="2" data-framepress-nested="1"' in html
        or 'data-framepress-nested="1" data-duration="2"' in html
    )
    assert html.count("@scope ([data-framepress-nested=") == 2 and ":scope { background" in html


def test_a_composition_that_nests_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.html").write_text('<template><p data-composition-src="loop.html"></p></template>')
    with pytest.raises(CompositionError, match=r"loop.html:1:\d+: loop.html nests itself") as caught:
        project(tmp_path, '<p data-composition-src="loop.html"></p>')
    assert caught.value.rule == "nested-circle"


def test_starts_follow_each_other_and_sounds_too(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    composition = project(
        tmp_path,
        '<p id="a" data-start="0" data-duration="{{points}}"></p><p id="b" data-start="a + 0.25" data-duration="1"></p>'
        '<audio src="a.wav" data-start="b - .5" data-duration="2"></audio>',
        seconds="",
    )
    document = composition.instantiate({"points": "2.5"})
    assert document.audio[0].start == Fraction("3.25") and document.duration == Fraction("5.25")
    assert 'data-start="2.75"' in document.html and 'data-start="3.25"' in document.html


def test_a_circle_of_starts_names_its_elements(tmp_path: Path) -> None:
    with pytest.raises(CompositionError, match="a -> b -> a") as caught:
        project(
            tmp_path,
            '<p id="a" data-start="b" data-duration="1"></p><p id="b" data-start="a" data-duration="1"></p>',
        )
    assert caught.value.rule == "start-circle"


# ---- in a page ----------------------------------------------------------------------------------


@pytest.mark.browser
def test_values_scripts_styles_and_timelines_reach_their_own_composition(stage: Stage) -> None:
    project(stage.folder, "")
    body = """<style>.tint { position: absolute; left: 100px; width: 20px; height: 20px; background: var(--accent) }</style>
    <div class="tint"></div><img data-var-src="photo" style="position:absolute;left:130px;top:0">
    <div data-composition-id="one" data-composition-src="parts/card.html" data-start="0.5" data-duration="3"
      data-variable-values='{"price":"{{points}}","tint":"#00ffff"}' style="position:absolute;top:30px"></div>
    <div data-composition-id="two" data-composition-src="parts/card.html" data-start="1"
      style="position:absolute;top:30px;left:80px"></div>"""
    frames = list(stage.stills(page(body), [0, 45], {"accent": "#ff00ff", "points": "30"}))
    assert frames[0][10, 110].tolist() == [255, 0, 255] and frames[0][10, 140].tolist() == [0, 0, 255]
    assert frames[0][35, 20].tolist() == [255, 255, 255]
    later = frames[1]
    # One second into the first: its bar of 30 pixels has moved by 10; half a second into the second: 7 by 5.
    assert [tuple(later[35, x].tolist()) for x in (5, 25, 50)] == [(0, 255, 0), (0, 255, 255), (0, 255, 0)]
    assert [tuple(later[35, x].tolist()) for x in (82, 88, 95)] == [(0, 255, 0), (255, 0, 0), (0, 255, 0)]


@pytest.mark.browser
def test_templates_find_the_registry_of_timelines_there(stage: Stage) -> None:
    body = """<b id="b" style="position:absolute;width:20px;height:20px;background:#00f"></b><script>
    window.__timelines["main"] = { pause() {}, duration: () => 1,
      seek(t) { document.getElementById("b").style.left = 100 * t + "px"; } };</script>"""
    [frame] = stage.stills(page(body, declared="[]"), [15])
    assert frame[10, 60].tolist() == [0, 0, 255] and frame[10, 20].tolist() == [255, 255, 255]


@pytest.fixture(scope="module")
def press(browser_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    made = Press(browser_options(browser_path, tmp_path_factory.mktemp("press")))
    yield made
    made.close()


@pytest.mark.browser
def test_bindings_and_scripts_that_read_variables_are_found_by_reuse(press: Press, tmp_path: Path) -> None:
    body = """<style>p { position: absolute; margin: 0; font-size: 12px }
    .sun { position: absolute; left: 230px; top: 8px; width: 40px; height: 40px; background: #fa3; animation: sun 2s linear }
    @keyframes sun { to { transform: translateX(60px) } }</style><i class="sun"></i>
    <p data-var-text="name" style="left:4px;top:4px"></p><p id="script" style="left:4px;top:40px"></p>
    <p style="left:4px;top:70px">The same for all.</p>
    <script>document.getElementById("script").textContent =
      "No. " + window.__hyperframes.getVariables().points;</script>"""
    declared = '[{"id":"name","default":"Ada"},{"id":"points","type":"number","default":1}]'
    project(tmp_path / "c", body, declared=declared, seconds='data-duration="0.8" data-fps="10"')
    rows = [
        {"name": name, "points": str(n)}
        for n, name in enumerate(("Ann", "Ben", "Cleo", "Dora", "Eve", "Zoe"))
    ]
    shared = press.run(tmp_path / "c", rows, tmp_path / "shared")
    assert {str(result.path) for result in shared.results.values()} == {"reuse"}, {
        r.reason for r in shared.results.values()
    }
    [found] = {result.plan for result in shared.results.values()}
    assert found
    plain = press.run(tmp_path / "c", rows[:1], tmp_path / "plain", reuse="off")
    assert psnr_db(plain.frames[1], shared.frames[1]) > 50


@pytest.mark.browser
def test_the_batch_file_and_the_options_of_hyperframes_work(program: Program) -> None:
    folder = program.folder / "project"
    project(folder, '<p data-var-text="name"></p>', declared='[{"id":"name"}]', seconds='data-duration="0.1"')
    program.write("rows.json", '{"rows": [{"name": "Ann"}, {"name": "Ben"}]}')
    done = program.run("render", "project", "--batch", "rows.json", "--output", "renders/{name}-{index}.mp4")
    assert done.code == 0, done.stderr
    assert {path.name for path in (program.folder / "renders").glob("*.mp4")} == {"Ann-0.mp4", "Ben-1.mp4"}
    single = ("--variables", '{"name": "Cleo"}', "-o", "one.mp4", "--strict-variables", "--quality", "draft")
    done = program.run("render", "project", *single, "--fps", "10")
    assert done.code == 0 and (program.folder / "one.mp4").is_file(), done.stderr
