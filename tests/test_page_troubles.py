"""What can go wrong inside a page is told with its place and without the row's values, or does not matter.

Pages are opened through the renderer, so each error is one that a run would record.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import av
import numpy as np
import pytest

from framepress.errors import FramepressError, FrameTimeout, PageError
from framepress.page_requests import PageRequests
from framepress.page_troubles import MESSAGE_LENGTH_MAX, Trouble, raise_troubles, redact
from framepress.picture_files import is_animated, is_broken
from framepress.poster import decode_rgb, poster_jpeg
from framepress.site import Site
from framepress.tab import Tab
from hostile import PICTURE, PICTURE_BYTES, ended, write_files
from stage import Pixels, Stage, browser_options, root

VALUE = "Zyxwvut 4711"

#: A page that only asks for things later is not looked at before it is opened, as far as files go.
_ADD = "<script>const add = (html) => document.body.insertAdjacentHTML('beforeend', html);"


@dataclass(frozen=True)
class Case:
    """A page that must fail.

    Attributes:
        says: pieces of the message.
        frames: drawn before it would count as a success.
    """

    body: str
    rule: str
    says: tuple[str, ...]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    frames: int = 3
    error: type[FramepressError] = PageError


def seek(script: str) -> str:
    return f"<script>addEventListener('hf-seek', (event) => {{ {script} }});</script>"


MISSING = {
    "image": Case(_ADD + "add('<img src=no.png>')</script>", "missing-image", ('image "no.png"',)),
    "script": Case(
        "<script>const s = document.createElement('script'); s.src = 'no.js';"
        " document.head.append(s);</script>",
        "missing-script", ('script "no.js"',),
    ),
    "module": Case("<script>import('./no' + '.js').catch(() => 0);</script>", "missing-script", ('"no.js"',)),
    "worker": Case("<script>new Worker('no' + '.js');</script>", "missing-script", ('script "no.js"',)),
    "style sheet": Case(
        _ADD + "add('<link rel=stylesheet href=no.css>')</script>", "missing-stylesheet", ('sheet "no.css"',)
    ),
    "import": Case(
        _ADD + "add('<style>@import \"no.css\";</style>')</script>", "missing-stylesheet", ('"no.css"',)
    ),
    "frame": Case(_ADD + "add('<iframe src=no.html></iframe>')</script>", "missing-document", ('"no.html"',)),
    "background": Case(
        "<script>document.body.style.background = 'url(no.png)';</script>", "missing-image", ('"no.png"',)
    ),
    "font": Case(
        _ADD + "add('<style>@font-face { font-family: F; src: url(no.ttf) }</style>"
        "<p style=\"font-family: F\">x')</script>",
        "missing-font", ('font "no.ttf"',),
    ),
    "background in mid-play": Case(
        seek("if (event.detail.time > 0.03) document.body.style.background = 'url(no.png)';"),
        "missing-image", ('"no.png"',), frames=2,
    ),
    "image in mid-play": Case(
        f"<img id=i src='data:image/png;base64,{PICTURE}'>"
        + seek("if (event.detail.time > 0.03) i.src = 'no.png';"),
        "missing-image", ('"no.png"',), frames=2,
    ),
    "file with a value in its name": Case(
        "<script>new Image().src = '{{$N}}.png';</script>", "missing-image", ('"<N>.png"',)
    ),
    "address with a value in it": Case(
        "<script>new Image().src = 'https://elsewhere.test/' + encodeURIComponent('{{$N}}');</script>",
        "blocked-image", ("https://elsewhere.test/<N>", "loads nothing from other hosts"),
    ),
}  # fmt: skip

_FONT = "<style>@font-face { font-family: F; src: url(b.ttf) }</style><p style='font-family: F'>x"
_NO_PICTURE = {"b.png": "not a picture"}

BROKEN = {
    "image": Case("<img src=b.png>", "broken-image", ('image "b.png" could not be read',), _NO_PICTURE),
    "background": Case("<p style='background: url(b.png)'>x", "broken-image", ('"b.png"',), _NO_PICTURE),
    "svg image": Case("<svg><image href=b.png width=9 height=9 /></svg>", "broken-image", (), _NO_PICTURE),
    "svg file": Case("<img src=b.svg>", "broken-image", ('"b.svg"',), {"b.svg": "<svg><g></svg>"}),
    "cut short": Case("<img src=b.png>", "broken-image", ('"b.png"',), {"b.png": PICTURE_BYTES[:-9]}),
    "data address": Case("<img src='data:image/png;base64,AAAA'>", "broken-image", ("data:",)),
    "font": Case(_FONT, "broken-font", ("font F could not be read",), {"b.ttf": "not a font"}),
    "background in mid-play": Case(
        seek("if (event.detail.time > 0.03) document.body.style.background = 'url(b.png)';"),
        "broken-image", ('"b.png"',), _NO_PICTURE, frames=2,
    ),
}  # fmt: skip

_BAD = "throw new Error('bad {{$N}}');"

SCRIPTS = {
    "at load": Case(f"<script>\n  {_BAD}</script>", "script-threw", ("page.html:2:3: ", "Error: bad <N>.")),
    "in hf-seek": Case("\n" + seek(_BAD), "script-threw", ("page.html:2:", "bad <N>")),
    "in a timer": Case(f"<script>setTimeout(() => {{ {_BAD} }}, 40);</script>", "script-threw", ("bad <N>",)),
    "in a timer's text": Case("<script>setTimeout('none.there');</script>", "script-threw", ("none",)),
    "in an animation frame": Case(
        f"<script>requestAnimationFrame(() => {{ {_BAD} }});</script>", "script-threw", ("bad <N>",)
    ),
    "in a timeline": Case(
        f"<script>window.__timelines = {{ main: {{ pause() {{}}, totalTime() {{ {_BAD} }} }} }};</script>",
        "script-threw", ("page.html:1:", "bad <N>"),
    ),
    "in a frame": Case("<iframe src=in.html></iframe>", "script-threw", ("in.html:2:1: ", "bad"),
                       {"in.html": "<script>\nthrow new Error('bad');</script>"}),
    "in a worker": Case("<script>new Worker('w.js');</script>", "script-threw", ("w.js:2:1: ",),
                        {"w.js": "\nthrow new Error('bad');"}),
    "in a worker's timer": Case(
        "<script>new Worker('w.js');</script>", "script-threw", ("w.js:1:", "bad"),
        {"w.js": "setTimeout(() => { throw new Error('bad'); }, 10);"},
        # On a machine at work a worker may begin some frames later; it is the clip's end that must not come.
        frames=30,
    ),
    "in a file": Case("<script src=a.js></script>", "script-threw", ("a.js:3:9: ", "SyntaxError"),
                      {"a.js": "\n\nlet a = ;"}),
    "in syntax": Case("\n<script>\n  let a = ;</script>", "script-threw", ("page.html:3:11: ",)),
    "rejected": Case(
        "<script>Promise.reject(new Error('bad {{$N}}'));</script>", "script-threw", ("rejected", "bad <N>")
    ),
    "rejected with what cannot be told": Case(
        "<script>Promise.reject({ get message() { throw 1; } });</script>", "script-threw", ("rejected",)
    ),
    "rejected waitUntil": Case(
        seek("event.detail.waitUntil(Promise.reject(new Error('bad {{$N}}')));"), "script-threw", ("bad <N>",)
    ),
    "upper case": Case(
        "<script>throw new Error('{{$N}}'.toUpperCase());</script>", "script-threw", ("Error: <N>.",)
    ),
    "first name": Case(
        "<script>throw new Error('no ' + '{{$N}}'.split(' ')[0]);</script>", "script-threw", ("no <N>.",)
    ),
    "cut in the value": Case(
        "<script>throw new Error('x'.repeat(LONG) + ' {{$N}}');</script>".replace(
            "LONG", str(MESSAGE_LENGTH_MAX - 22)
        ),
        "script-threw",
        (),
    ),
    "address of its own": Case(
        "<script>eval(\"throw new Error('bad')\\n//# sourceURL=http://[\");</script>",
        "script-threw", ("page.html: a script threw",),
    ),
    "broken arrays": Case(
        "<script>Array.prototype[Symbol.iterator] = () => { throw new Error('{{$N}}'); };</script>",
        "driver-broken", ("<N>",),
    ),
}  # fmt: skip

AWAY = {
    "endless reload": Case("<script>location.reload();</script>", "page-navigated", ("navigated away",)),
    "reload in mid-play": Case(
        seek("if (event.detail.time > 0) location.reload();"), "page-navigated", ("navigated away",)
    ),
    "another file": Case("<script>location = 'o.html';</script>", "page-navigated", (), {"o.html": "<p>"}),
    "nothing": Case("<script>location = 'about:blank';</script>", "page-navigated", ("navigated away",)),
    "refresh": Case(
        "<meta http-equiv=refresh content='0; url=o.html'>", "page-navigated", (), {"o.html": "x"}, frames=500
    ),
    "another host": Case(
        "<script>location = 'https://elsewhere.test/';</script>", "blocked-document", ("elsewhere.test",)
    ),
    "sandboxed frame": Case(
        "<iframe sandbox='allow-scripts' srcdoc='<p>x'></iframe>", "sealed-frame", ("cannot be moved",)
    ),
}  # fmt: skip

CASES = {
    f"{kind} {name}": case
    for kind, cases in (("missing", MISSING), ("broken", BROKEN), ("script", SCRIPTS), ("away", AWAY))
    for name, case in cases.items()
}


def render(stage: Stage, body: str, *, frames: int = 3) -> list[Pixels]:
    """The first frames of a page; all of it goes through the renderer's guard."""
    renderer = stage.renderer(body if body.startswith("<!doctype") else root(body))
    values = {"N": VALUE} if "{{$N}}" in body else None
    clip = renderer.open(stage.variant(renderer, values))
    pictures: list[Pixels] = []
    with renderer.warm.guard() as page:
        for index in range(frames):
            page.seek(index, clip.fps)
            png = page.draw(index)
            pictures.append(pictures[-1] if png is None else decode_rgb(png))
    return pictures


@pytest.mark.browser
@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_told_with_its_place_and_without_values(stage: Stage, name: str) -> None:
    case = CASES[name]
    stage.timeout_s = 10
    write_files(stage.folder, case.files)
    # In one line with what the stage puts before it, so that lines and columns are the case's own.
    body = f"<!doctype html><body>{case.body}<b data-width=160 data-height=90 data-duration=1></b>"
    with pytest.raises(case.error) as caught:
        render(stage, body, frames=case.frames)
    error = caught.value
    assert error.rule == case.rule
    for piece in case.says:
        assert piece in error.message
    said = json.dumps(error.record()) + str(error) + repr(error.__dict__)
    for part in (VALUE, *VALUE.split(), VALUE.upper(), VALUE.replace(" ", "%20"), "Zyxw"):
        assert part not in said
    assert not error.retryable
    assert len(error.message) < 1000


# ---- never ready, never at rest -----------------------------------------------------------------

_NEVER = "new Promise(() => 0)"

ENDLESS = {
    "script at load": "<script>for (;;);</script>",
    "script in hf-seek": seek("for (;;);"),
    "script in an animation frame": "<script>requestAnimationFrame(() => { for (;;); });</script>",
    "microtasks": "<script>(function again() { Promise.resolve().then(again); })();</script>",
    "messages": "<script>const m = new MessageChannel();"
    " m.port1.onmessage = () => m.port2.postMessage(0); m.port2.postMessage(0);</script>",
    "waitUntil": seek(f"event.detail.waitUntil({_NEVER});"),
    "worker": "<script>new Worker(URL.createObjectURL(new Blob(['for (;;);'])));</script>",
}


@pytest.mark.browser
@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_given_up_in_time_and_costs_the_browser(stage: Stage, name: str) -> None:
    stage.ready_timeout_s = 1.0
    renderer = stage.renderer(root(ENDLESS[name]))
    # Only the page's own time is limited and measured, not that of a browser that starts on a loaded machine.
    page = renderer.warm.page()
    page.tab.frame_timeout_s = 1.0
    browser = page.browser
    began = time.monotonic()
    with pytest.raises((FrameTimeout, PageError)) as caught:
        clip = renderer.open(stage.variant(renderer))
        with renderer.warm.guard() as page:
            for index in range(3):
                page.seek(index, clip.fps)
                page.draw(index)
    # Without a limit it would be for ever; on a loaded machine killing the browser takes its time.
    assert time.monotonic() - began < 1.0 * 3 + 12
    assert caught.value.rule in ("frame-timeout", "page-not-ready")
    assert "1 s" in caught.value.message
    assert ended(browser.pid)


@pytest.mark.browser
def test_a_page_that_never_gets_ready_says_what_it_waits_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An answer that never comes, as from a disk that hangs.
    answer = PageRequests._fulfil

    def hold(requests: PageRequests, event: dict[str, Any], *parts: Any, **more: Any) -> None:
        if not event["request"]["url"].endswith("slow.svg"):
            answer(requests, event, *parts, **more)

    monkeypatch.setattr(PageRequests, "_fulfil", hold)
    # Room for the rest of the page on a loaded machine, whose browser is started before the time counts.
    stage.ready_timeout_s = 2.0
    write_files(stage.folder, {"slow.svg": _FILLED.format("red")})
    for body in ("<img src=slow.svg>", "<p style='background: url(slow.svg)'>x"):
        with pytest.raises(PageError) as caught:
            render(stage, body)
        assert caught.value.rule == "page-not-ready"
        assert "not ready after 2 s: still waiting for image" in caught.value.message


# ---- pictures that move by themselves -----------------------------------------------------------


def encoded(name: str, codec: str, count: int, pix_fmt: str) -> bytes:
    """A small file of `count` frames of different grey."""
    target = io.BytesIO()
    with av.open(target, "w", format=name) as container:
        stream = container.add_stream(codec, rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 16
        stream.pix_fmt = pix_fmt
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 60 * index, np.uint8), format="rgb24")
            container.mux(stream.encode(frame.reformat(format=pix_fmt)))
        container.mux(stream.encode())
    return target.getvalue()


_SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">{}</svg>'
_SMIL = '<rect width="9" height="9"><animate attributeName="x" to="9" dur="1s"/></rect>'
_WEBP_BODY = b"WEBPVP8X\x0a\0\0\0" + b"%c" + b"\0\0\0\x0f\0\0\x0f\0\0" + b"ICCP" + bytes(600) + b"ANIM"


def webp(flags: int) -> bytes:
    body = _WEBP_BODY % flags
    return b"RIFF" + len(body).to_bytes(4, "little") + body


MOVING = {
    "a.gif": lambda: encoded("gif", "gif", 3, "rgb8"),
    "a.png": lambda: encoded("apng", "apng", 3, "rgb24"),
    "a.webp": lambda: webp(0x02),
    "a.svg": lambda: _SVG.format(_SMIL).encode(),
    "b.svg": lambda: _SVG.format("<style>@keyframes k { to { x: 9px } }</style>").encode(),
}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("use", "name"),
    [
        *(
            (use, name)
            for use in ("<img srcset=NAME>", "<p style='background: url(NAME)'>x")
            for name in MOVING
        ),
        ("<img src=NAME>", "b.svg"),
        ("<script>new Image().src = 'NAME'</script>", "a.gif"),
    ],
)
def test_a_picture_that_moves_by_itself_where_it_cannot_be_followed_is_refused_by_name(
    stage: Stage, name: str, use: str
) -> None:
    write_files(stage.folder, {name: MOVING[name]()})
    with pytest.raises(PageError) as caught:
        render(stage, use.replace("NAME", name))
    assert caught.value.rule == "animated-image"
    assert f'"{name}" is animated by its own clock' in caught.value.message


def test_still_and_whole_pictures_are_told_from_others() -> None:
    png = poster_source()
    still = {
        "gif": encoded("gif", "gif", 1, "rgb8"),
        "png": png,
        "jpeg": poster_jpeg(png),
        "webp": webp(0x10),
        "svg": _SVG.format("<rect width='9' height='9'/>").encode(),
    }
    for name, data in still.items():
        kind = "image/svg+xml" if name == "svg" else f"image/{name}"
        assert not is_animated(data, kind), name
        assert not is_broken(data, kind), name
        for length in (0, 1, 12, len(data) // 2, len(data) - 8):
            assert is_broken(data[:length], kind), (name, length)
        assert not is_broken(data + (b"" if name == "svg" else b"more"), kind), name
    # Bytes of a graphic control block inside a picture are only bytes.
    gif = still["gif"]
    comment = b"\x21\xfe\x0c" + b"\x21\xf9\x04" * 4 + b"\0"
    assert not is_animated(gif[:-1] + comment + gif[-1:], "image/gif")


def poster_source() -> bytes:
    return encoded("image2pipe", "png", 1, "rgb24")


# ---- what is no error ---------------------------------------------------------------------------

HARMLESS = {
    "fetch of a missing file": "<script>fetch('no.json').then((r) => { window.s = r.status; });</script>",
    "favicon": "<link rel=icon href='/favicon.ico'>",
    "dialogs": "<script>alert(1); confirm(2); prompt(3); print(); onbeforeunload = (e) => {"
    " e.preventDefault(); return 'stay'; };</script>",
    "dialogs of a frame": "<iframe srcdoc='<script>alert(1); confirm(2)</script>'></iframe>",
    "handled error": "<script>onerror = () => true; try { x.y } catch { }</script>",
    "handled rejection": "<script>Promise.reject(1).catch(() => 0);</script>",
    "own style sheets": "<script>document.adoptedStyleSheets = [new CSSStyleSheet()];"
    " addEventListener('hf-seek', () => { document.adoptedStyleSheets = []; });</script>",
    "no driver": "<script>delete globalThis.__framepress; globalThis.__framepress = undefined;"
    " try { __framepress.seek = null; } catch { }</script>",
    "replaced standards": "<script>Array.prototype.push = () => { throw 1; }; Array.prototype.extra = 1;"
    " Map.prototype.get = Map.prototype.set = () => { throw 1; }; window.Map = window.Promise = null;"
    " Object.prototype.toJSON = () => 'mine'; window.Element = null; window.setTimeout = null;</script>",
    "hash": "<script>location.hash = 'there'; history.pushState({}, '', '?there');</script>",
    "many elements": "<script>for (let i = 0; i < 20000; i += 1) document.body.append("
    "document.createElement('b'));</script>",
    "written anew": "<script>addEventListener('load', () => { document.open(); document.write("
    "'<p data-width=160 data-height=90>x'); document.close(); });</script>",
    "endless timers": "<script>setTimeout(function again() { setTimeout(again, 0); }, 0);</script>",
}


@pytest.mark.browser
@pytest.mark.parametrize("name", HARMLESS)
def test_what_leaves_the_picture_whole_is_no_error(stage: Stage, name: str) -> None:
    stage.timeout_s = 15
    assert len(render(stage, HARMLESS[name])) == 3


# ---- everything is there before a frame is drawn ------------------------------------------------

_FILLED = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="90">'
    '<rect width="160" height="90" fill="{}"/></svg>'
)
_SVG_AROUND = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="160" height="90">'
    '<image width="160" height="90" href="data:image/svg+xml,{}"/></svg>'
)
_FILL = "position: absolute; inset: 0; width: 160px; height: 90px"


def colours(pictures: list[Pixels]) -> list[str]:
    """A letter per picture: r, g, b if it is filled by one colour, w if white, else "?"."""
    names = {(255, 0, 0): "r", (0, 128, 0): "g", (0, 0, 255): "b", (255, 255, 255): "w"}
    filled = [{tuple(pixel) for pixel in picture.reshape(-1, 3)} for picture in pictures]
    return [names.get(next(iter(found)), "?") if len(found) == 1 else "?" for found in filled]


@pytest.mark.browser
@pytest.mark.parametrize(
    "body",
    [
        f"<img id=i style='{_FILL}' src=0.svg>" + seek("i.src = `${n}.svg`;"),
        f"<img id=i style='{_FILL}' src=0.svg>" + seek("const next = new Image(); next.src = `${n}.svg`;"
        " next.style.cssText = i.style.cssText; i.replaceWith(next); next.id = 'i';"),
        f"<div id=i style='{_FILL}'></div>" + seek("i.style.background = `url(${n}.svg)`;"),
        f"<style>.c0 {{ background: url(0.svg) }} .c1 {{ background: url(1.svg) }}"
        f" .c2 {{ background: url(2.svg) }}"
        f"</style><div id=i style='{_FILL}'></div>" + seek("i.className = `c${n}`;"),
        f"<svg style='{_FILL}'><image id=i width=160 height=90></image></svg>"
        + seek("i.setAttribute('href', `${n}.svg`);"),
    ],
    ids=["src", "new image", "background", "class", "svg image"],
)  # fmt: skip
def test_a_picture_set_in_mid_play_is_in_that_frame(stage: Stage, body: str) -> None:
    for index, colour in enumerate(("red", "green", "blue")):
        write_files(stage.folder, {f"{index}.svg": _FILLED.format(colour)})
    body = body.replace("(event) => {", "(event) => { const n = Math.round(event.detail.time * 30);")
    assert colours(render(stage, body)) == ["r", "g", "b"]


@pytest.mark.browser
def test_a_request_that_is_heard_of_after_the_picture_is_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So it happens on a loaded machine: requests go another way than frames, and this one takes its time.
    answer, pump_frame = PageRequests._paused, Tab.pump_frame
    held: list[tuple[PageRequests, dict[str, Any]]] = []

    def pump(tab: Tab) -> None:
        pump_frame(tab)
        while held:
            answer(*held.pop(0))

    monkeypatch.setattr(PageRequests, "_paused", lambda requests, event: held.append((requests, event)))
    monkeypatch.setattr(Tab, "pump_frame", pump)
    for index, colour in enumerate(("red", "green", "blue")):
        write_files(stage.folder, {f"{index}.svg": _FILLED.format(colour)})
    body = f"<div id=i style='{_FILL}'></div>" + seek(
        "i.style.background = `url(${Math.round(event.detail.time * 30)}.svg)`;"
    )
    assert colours(render(stage, body)) == ["r", "g", "b"]


@pytest.mark.browser
def test_each_of_many_new_backgrounds_is_in_its_own_frame(stage: Stage) -> None:
    # A picture inside a picture is finished some tasks after the file has come.
    for index, colour in enumerate(("red", "green", "blue")):
        write_files(stage.folder, {f"{index}.svg": _SVG_AROUND.format(quote(_FILLED.format(colour)))})
    body = f"<div id=i style='{_FILL}'></div>" + seek(
        "const n = Math.round(event.detail.time * 30); i.style.background = `url(${n % 3}.svg?${n})`;"
    )
    assert colours(render(stage, body, frames=30)) == ["r", "g", "b"] * 10


@pytest.mark.browser
def test_a_lazy_image_out_of_sight_is_there_when_it_comes_into_sight(stage: Stage) -> None:
    write_files(stage.folder, {"0.svg": _FILLED.format("red")})
    body = "<div style='height: 90px; overflow: hidden'><div id=m><div style='height: 5000px'></div>"
    body += "<img loading=lazy src=0.svg style='display: block; width: 160px; height: 90px'></div></div>"
    body += seek("if (event.detail.time > 0.03) m.style.marginTop = '-5000px';")
    assert colours(render(stage, body)) == ["w", "r", "r"]


@pytest.mark.browser
def test_the_font_of_a_text_that_appears_later_is_loaded_before_its_frame(stage: Stage) -> None:
    fonts = Path(__file__).parent.parent / "src" / "framepress" / "fonts"
    write_files(stage.folder, {"f.ttf": (fonts / "NotoSansMono-Bold.ttf").read_bytes()})
    style = "<style>@font-face { font-family: F; src: url(f.ttf) } #t { font: 40px F, serif }</style>"
    always = render(stage, style + "<p id=t>Wmi</p>")
    later = render(
        stage, style + "<p id=t></p>" + seek("if (event.detail.time > 0.03) t.textContent = 'Wmi';")
    )
    fallback = render(stage, style.replace("F, ", "") + "<p id=t>Wmi</p>")
    assert not np.array_equal(always[0], fallback[0])
    assert not np.array_equal(later[0], always[0])
    assert np.array_equal(later[1], always[1])


@pytest.mark.browser
def test_animations_inside_shadow_roots_are_driven(stage: Stage) -> None:
    style = "<style>@keyframes k { to { width: 100px } } b { display: block; width: 0; height: 90px;"
    style += " background: #000; animation: k 0.1s linear both }</style><b></b>"
    open_root = "<div id=h></div><script>h.attachShadow({ mode: 'MODE' }).innerHTML = `STYLE`;</script>"
    declared = "<div><template shadowrootmode=open>STYLE</template></div>"
    for body in (open_root.replace("MODE", "open"), open_root.replace("MODE", "closed"), declared):
        pictures = render(stage, body.replace("STYLE", style), frames=4)
        widths = [int((picture[5] < 128).all(axis=1).sum()) for picture in pictures]
        assert widths == pytest.approx([0, 33, 67, 100], abs=1), body


# ---- without BeginFrame -------------------------------------------------------------------------


@pytest.mark.browser
def test_screenshots_by_chromium_s_own_clock_show_the_same(stage: Stage, browser_path: Path) -> None:
    html = root(
        "<style>@keyframes k { to { transform: translateX(100px) } }"
        " b { position: absolute; width: 20px; height: 20px; background: #00f;"
        " animation: k 0.4s linear both }"
        "</style><b></b><i id=i style='position: absolute; top: 40px; height: 20px; background: #f00'></i>"
        "<p data-start=0.1 data-end=0.2>words</p>"
        + seek("i.style.width = `${Math.round(event.detail.time * 300)}px`;")
    )
    drawn = render(stage, html, frames=12)
    stage.options = browser_options(browser_path, stage.folder.parent, begin_frame=False)
    taken = render(stage, html, frames=12)
    assert len({picture.tobytes() for picture in drawn}) == 12
    for index, (one, other) in enumerate(zip(drawn, taken, strict=True)):
        assert np.array_equal(one, other), index


# ---- redaction ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("bad Zyxwvut 4711!", "bad <N>!"),
        ("bad ZYXWVUT", "bad <N>"),
        ("a/Zyxwvut%204711.png?zyxwvut+4711", "a/<N>.png?<N>"),
        ("1284 points, 1,284, 1.284", "<P> points, <P>, <P>"),
        ("7 of 17", "<X> of 17"),
        ("&lt;b&gt; and \\u00e9", "<H> and <H>"),
        ("Cannot read properties of null", "Cannot read properties of null"),
    ],
)
def test_values_are_found_in_any_usual_dress(text: str, shown: str) -> None:
    values = {"N": "Zyxwvut  4711", "P": "1284", "X": "7", "H": "<b>", "E": "", "A": "é"}
    assert redact(text, values).replace("<A>", "<H>") == shown


def test_a_value_of_a_megabyte_is_redacted_in_time() -> None:
    words = " ".join(f"word{number}" for number in range(100_000))
    began = time.monotonic()
    assert redact("bad word77777, good", {"T": words}) == "bad <T>, good"
    assert time.monotonic() - began < 10


def test_many_troubles_are_counted() -> None:
    troubles = [Trouble("missing:image", "", f"https://t.framepress.invalid/{n}.png", 0, 0) for n in range(9)]
    with pytest.raises(PageError) as caught:
        raise_troubles(troubles, Site(Path("/folder"), "page.html", "t"), {})
    assert caught.value.message.endswith("And 4 more.")
