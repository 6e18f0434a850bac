"""Frame n of the file shows the page at n / fps: every frame once, in order, whatever moves the page.

Each composition draws its frame number as a bar code, which is read back from the decoded MP4.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from framepress.page import Page
from framepress.page_requests import PageRequests
from framepress.tab import Tab
from framepress.timing import frame_count
from stage import BARS_SCRIPT, BARS_STYLE, BITS, CELL, Stage, decode, read_number, root, seconds_of

pytestmark = pytest.mark.browser

_STRIP = """
const inner = document.createElement("div");
for (let n = 0; n < COUNT; n += 1) {
  const row = document.createElement("div");
  row.style.cssText = "height:48px;overflow:hidden";
  for (let k = 0; k < BITS; k += 1) {
    const cell = document.createElement("i");
    cell.style.background = (n >> k) & 1 ? "#000" : "#fff";
    row.appendChild(cell);
  }
  inner.appendChild(row);
}
document.getElementById("bars").appendChild(inner);
"""

#: Half a frame of delay backwards keeps the steps away from the frames' own moments.
_CSS = (
    "<style>@keyframes count { to { transform: translateY(calc(-48px * COUNT)) } }"
    "#bars > div { animation: count LENGTHs steps(COUNT) -HALFs both }</style>"
)

WAYS = {
    "hf-seek": BARS_SCRIPT + 'addEventListener("hf-seek", (e) => show(Math.round(e.detail.time * FPS)));',
    "rAF": BARS_SCRIPT + "requestAnimationFrame(function tick(ts) { show(Math.round(ts / 1000 * FPS));"
    " requestAnimationFrame(tick); });",
    "interval": BARS_SCRIPT + "setInterval(() => show(Math.floor(performance.now() / 1000 * FPS + 0.3)), 4);",
    "timeout": BARS_SCRIPT + "const began = Date.now(); (function tick() {"
    " show(Math.floor((Date.now() - began) / 1000 * FPS + 0.3)); setTimeout(tick, 5); })();",
    "web-animation": _STRIP
    + "inner.animate([{ transform: 'none' }, { transform: `translateY(${-48 * COUNT}px)` }],"
    " { duration: LENGTH * 1000, delay: -HALF * 1000, easing: 'steps(COUNT)', fill: 'both' });",
    "css": _STRIP,
    "timeline": BARS_SCRIPT + "window.__timelines = { main: { pause() {}, duration: () => LENGTH,"
    " totalTime(t) { show(Math.round(t * FPS)); } } };",
}

RATES = ("24", "25", "30000/1001", "30", "60")


def counting_page(way: str, fps: Fraction, count: int) -> str:
    facts = {
        "COUNT": str(count),
        "BITS": str(BITS),
        "LENGTH": repr(float(count / fps)),
        "HALF": repr(float(Fraction(1, 2) / fps)),
        "FPS": repr(float(fps)),
    }
    body = (_CSS if way == "css" else "") + f"<div id=bars></div><script>{WAYS[way]}</script>"
    for name, text in facts.items():
        body = body.replace(name, text)
    return root(BARS_STYLE + body, seconds=seconds_of(count, fps), fps=str(fps))


def check_numbers(stage: Stage, way: str, rate: str, count: int) -> None:
    fps = Fraction(rate)
    path, result = stage.clip(counting_page(way, fps, count))
    numbers = [read_number(pixels) for pixels in decode(path)]
    assert numbers == list(range(count))
    assert result.frames == count
    assert bool(result.stateful) == (way in ("rAF", "interval", "timeout"))


@pytest.mark.parametrize("way", WAYS)
def test_every_frame_is_there_once_and_in_order_however_the_page_is_driven(stage: Stage, way: str) -> None:
    check_numbers(stage, way, "30", 70)


@pytest.mark.parametrize("rate", RATES)
def test_every_frame_is_there_once_and_in_order_at_every_rate(stage: Stage, rate: str) -> None:
    check_numbers(stage, "hf-seek", rate, 33)


@pytest.mark.slow
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("way", WAYS)
def test_every_way_at_every_rate(stage: Stage, way: str, rate: str) -> None:
    check_numbers(stage, way, rate, 200)


@pytest.mark.parametrize("way", ["hf-seek", "css", "web-animation", "timeline"])
def test_a_seekable_page_shows_the_same_in_any_order(stage: Stage, way: str) -> None:
    html = counting_page(way, Fraction(30), 60)
    dice = random.Random(7)
    order = [dice.randrange(60) for _ in range(25)]
    shown = [read_number(pixels) for pixels in stage.stills(html, order)]
    assert shown == order


MOVING = """
<style>
  @keyframes slide { from { transform: translateX(0) } to { transform: translateX(120px) } }
  @keyframes tint { from { background: #f00 } to { background: #00f } }
  b { position: absolute; width: 20px; height: 20px }
  .a { background: #0a0; animation: slide 0.7s ease-in-out 0.1s both }
  .b { top: 40px; animation: tint 0.5s linear infinite alternate }
  .c { top: 60px; background: #a0a; animation: slide 0.4s linear }
</style>
<b class=a></b><b class=b></b>
<b class=c data-start="0.3" data-end="0.8" data-fade="both 0.2"></b>
<p data-start="0.2" data-end="0.5">words</p><p data-start="0.4">more</p>
<svg style="position:absolute;left:100px;top:50px" width=40 height=40><circle r=5 cx=10 cy=10>
  <animate attributeName=cx from=10 to=35 dur=1s /></circle></svg>
"""


def test_animations_fades_and_timed_elements_do_not_depend_on_the_order_of_seeks(stage: Stage) -> None:
    natural = list(stage.stills(root(MOVING), list(range(30))))
    order = [29, 0, 14, 7, 14, 23, 1, 10, 12, 9, 24]
    for index, pixels in zip(order, stage.stills(root(MOVING), order), strict=True):
        assert np.array_equal(pixels, natural[index]), index
    assert len({pixels.tobytes() for pixels in natural}) == 30


def test_a_timed_element_is_visible_from_its_start_until_before_its_end(stage: Stage) -> None:
    html = root(
        '<div style="position:absolute;inset:0;background:#000" data-start="0.1" data-end="0.3"></div>'
    )
    dark = [float(pixels.mean()) < 10 for pixels in stage.stills(html, list(range(12)))]
    assert dark == [False] * 3 + [True] * 6 + [False] * 3


def test_a_hidden_ancestor_hides_a_descendant_that_wants_to_be_visible(stage: Stage) -> None:
    inner = '<div style="visibility:visible;position:absolute;inset:0;background:#000"></div>'
    html = root(f'<div style="position:absolute;inset:0" data-start="0.5">{inner}</div>')
    first, last = stage.stills(html, [0, 20])
    assert first.min() == 255
    assert last.max() == 0


def test_a_timed_leaf_in_the_flow_takes_no_room_while_it_is_away(stage: Stage) -> None:
    block = '<div style="height:30px;background:#000" data-start="0.5"></div>'
    html = root(f'{block}<div style="height:30px;background:#f00"></div>')
    first, last = stage.stills(html, [0, 20])
    assert tuple(first[10, 10]) == (255, 0, 0)
    assert tuple(last[10, 10]) == (0, 0, 0)
    assert tuple(last[40, 10]) == (255, 0, 0)


def test_a_fade_is_linear_and_multiplies_the_author_s_own_opacity(stage: Stage) -> None:
    html = root(
        '<div style="position:absolute;inset:0;background:#000;opacity:0.5" data-start="0" data-end="1"'
        ' data-fade="in 0.5"></div>'
    )
    levels = [255 - float(pixels.mean()) for pixels in stage.stills(html, [0, 3, 6, 9, 12, 15, 20])]
    expected = [255 * 0.5 * min(1.0, n / 15) for n in (0, 3, 6, 9, 12, 15, 20)]
    assert np.allclose(levels, expected, atol=1.5)


def test_css_animations_run_on_the_time_of_their_timed_ancestor(stage: Stage) -> None:
    style = "<style>@keyframes w{from{width:0}to{width:100px}} b{display:block;height:50px;background:#000;"
    style += "animation:w 1s linear both}</style>"
    html = root(f'{style}<div data-start="0.5"><b></b></div>', seconds="2")
    widths = [int((pixels[25] < 128).all(axis=1).sum()) for pixels in stage.stills(html, [15, 30, 45])]
    assert widths == pytest.approx([0, 50, 100], abs=1)


def test_the_clock_random_numbers_and_dates_are_ours(stage: Stage) -> None:
    html = root(
        "<script>"
        "const seen = [];"
        "function look() { return [Date.now(), new Date().getFullYear(), performance.now(), Math.random(),"
        " crypto.randomUUID(), new Intl.DateTimeFormat('en-US', {timeZone: 'UTC'}).format(),"
        " document.timeline.currentTime, [...crypto.getRandomValues(new Uint8Array(4))]]; }"
        "const atLoad = look(); const frames = [];"
        "addEventListener('hf-seek', () => frames.push(look()));"
        "window.facts = () => JSON.stringify([atLoad, frames]);"
        "</script>"
    )
    texts = []
    for _ in range(2):
        renderer = stage.renderer(html)
        clip = renderer.open(stage.variant(renderer))
        page = renderer.warm.page()
        for index in (0, 15):
            page.seek(index, clip.fps)
        texts.append(page.evaluate("facts()"))
    assert texts[0] == texts[1]
    (at_load, (first, later)) = json.loads(texts[0])
    assert at_load[:3] == [946684800000, 2000, 0]
    assert first[:3] == [946684800000, 2000, 0]
    assert later[0] == 946684800500
    assert later[2] == later[6] == 500
    assert later[5] == "1/1/2000"
    assert first[3] != later[3]


def test_timers_run_in_order_at_their_own_moments_and_workers_share_the_clock(stage: Stage) -> None:
    (stage.folder / "worker.js").write_text(
        "setInterval(() => postMessage([performance.now(), Date.now()]), 100);"
    )
    html = root(
        "<script>const log = [];"
        "setTimeout(() => log.push(['b', performance.now()]), 20);"
        "setTimeout(() => log.push(['a', performance.now()]), 10);"
        "setTimeout(() => { Promise.resolve().then(() => log.push(['then', performance.now()]));"
        " setTimeout(() => log.push(['nested', performance.now()]), 5); }, 15);"
        "const messages = []; new Worker('worker.js').onmessage = (e) => messages.push(e.data);"
        "window.facts = () => JSON.stringify([log, messages]);</script>"
    )
    page = played(stage, html, 7)
    log, messages = json.loads(page.evaluate("facts()"))
    assert [name for name, _ in log] == ["a", "then", "b", "nested"]
    assert [time for _, time in log] == [10, 15, 20, 20]
    assert messages == [[100, 946684800100], [200, 946684800200]]
    assert "worker alive" in page.stateful


def test_a_worker_that_is_slow_to_begin_misses_no_frame(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting: list[Callable[[], None]] = []
    pumps = itertools.count()
    equip, pump = PageRequests._equip, Tab.pump_frame

    def later(requests: PageRequests, session: str) -> None:
        waiting.append(lambda: equip(requests, session))

    def pump_and_let_begin(tab: Tab) -> None:
        pump(tab)
        if waiting and next(pumps) >= 5:
            waiting.pop()()

    monkeypatch.setattr(PageRequests, "_equip", later)
    monkeypatch.setattr(Tab, "pump_frame", pump_and_let_begin)
    ticks = "setInterval(() => postMessage(performance.now()), 100);"
    assert messages_of_a_worker(stage, ticks) == [100, 200]


@pytest.mark.parametrize("kind", ["classic", "module"])
def test_a_worker_that_cannot_be_read_is_not_waited_for(stage: Stage, kind: str) -> None:
    (stage.folder / "bad.js").write_text("let let = ;")
    script = "import './bad.js';" if kind == "module" else "let let = ;"
    assert messages_of_a_worker(stage, script, kind) == ["error"]


def played(stage: Stage, html: str, count: int) -> Page:
    """A page that has been at its first `count` frames."""
    renderer = stage.renderer(html)
    clip = renderer.open(stage.variant(renderer))
    page = renderer.warm.page()
    for index in range(count):
        page.seek(index, clip.fps)
    return page


def messages_of_a_worker(stage: Stage, script: str, kind: str = "classic") -> Any:
    (stage.folder / "worker.js").write_text(script)
    html = root(
        f"<script>const messages = []; const worker = new Worker('worker.js', {{type: '{kind}'}});"
        "worker.onmessage = (e) => messages.push(e.data);"
        "worker.onerror = (e) => { messages.push('error'); e.preventDefault(); };</script>"
    )
    return played(stage, html, 7).evaluate("messages")


def test_a_page_that_waits_for_timers_before_it_is_ready_still_starts_at_zero(stage: Stage) -> None:
    html = root(
        BARS_STYLE
        + "<div id=bars data-composition-id=main></div><script>"
        + BARS_SCRIPT
        + "setTimeout(() => { window.__timelines = { main: { pause() {}, totalTime(t) {"
        " show(Math.round(t * 30)); } } }; }, 700);</script>"
    )
    assert [read_number(pixels) for pixels in stage.stills(html, [0, 1, 9])] == [0, 1, 9]


def test_an_animation_that_a_page_starts_in_mid_play_makes_it_stateful(stage: Stage) -> None:
    html = root(
        "<b id=b style='display:block;width:10px;height:90px;background:#000'></b>"
        "<script>addEventListener('hf-seek', (e) => { if (e.detail.time > 0.4 && !b.dataset.on) {"
        " b.dataset.on = 1; b.animate([{width: '10px'}, {width: '110px'}], 500); } });</script>"
    )
    page = played(stage, html, 22)
    assert page.stateful == ("Animation created by the page in mid-play",)
    width = page.evaluate("b.getBoundingClientRect().width")
    assert width == pytest.approx(10 + 100 * (21 - 13) / 30 / 0.5, abs=0.01)


def test_a_promise_given_to_wait_until_is_waited_for(stage: Stage) -> None:
    html = root(
        BARS_STYLE + "<div id=bars></div><script>" + BARS_SCRIPT + "addEventListener('hf-seek', (e) => {"
        " const n = Math.round(e.detail.time * 30);"
        " e.detail.waitUntil(new Promise((done) => { const m = new MessageChannel();"
        " let hops = 20; m.port1.onmessage = () => { hops -= 1; if (hops) m.port2.postMessage(0);"
        " else { show(n); done(); } }; m.port2.postMessage(0); })); });</script>"
    )
    assert [read_number(pixels) for pixels in stage.stills(html, [3, 4, 11])] == [3, 4, 11]


def test_same_origin_frames_are_driven_too(stage: Stage) -> None:
    (stage.folder / "inner.html").write_text(
        "<!doctype html><body style='margin:0'>"
        + BARS_STYLE
        + "<div id=bars></div><script>"
        + BARS_SCRIPT
        + "addEventListener('hf-seek', (e) => show(Math.round(e.detail.time * 30)));</script>"
    )
    html = root("<iframe src=inner.html style='border:0;width:160px;height:90px'></iframe>")
    assert [read_number(pixels) for pixels in stage.stills(html, [0, 5, 2])] == [0, 5, 2]


def test_frame_counts_round_up_unless_they_are_whole_to_a_thousandth() -> None:
    assert frame_count(Fraction("2.0005"), Fraction(1)) == 2
    assert frame_count(Fraction("2.002"), Fraction(1)) == 3
    assert frame_count(Fraction(6), Fraction(30000, 1001)) == 180


def test_cells_are_wide_enough_for_chroma_and_ringing() -> None:
    assert CELL >= 8
