"""The preview: what is seen in a pause is what is rendered, and nobody else may ask."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from framepress.poster import decode_rgb
from framepress.preflight.first_script import FirstScript, with_script
from framepress.preview.listed import ListSource
from framepress.preview.model import PreviewModel
from framepress.preview.server import PreviewServer
from framepress.settings import RenderSettings
from plain_browser import PlainPage, plain_page
from stage import Stage

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<script type="application/hyperframes-vars">{
  "NAME": {"default": "Ada", "fallback": "friend", "maxLength": 60},
  "TIER": {"type": "enum", "default": "Gold", "options": ["Gold", "Silver"]}}</script>
<style>
  #root { width: 320px; height: 180px; color: #fff; overflow: hidden;
    background: linear-gradient(157deg, #0b3a42, #08252f 46%, #06151f);
    font: 24px "Noto Sans" }
  p { position: absolute; left: 20px; margin: 0; white-space: nowrap }
  i { position: absolute; top: 120px; left: 0; width: 30px; height: 30px; background: #fb4;
    animation: go 0.8s linear both }
  @keyframes go { to { transform: translateX(240px) rotate(90deg) } }
</style></head><body>
<div id="root" data-width="320" data-height="180" data-fps="10" data-duration="1.5">
  <p id="name" style="top: 20px" data-start="0.2" data-fade="in 0.4">{{$NAME}}</p>
  <p style="top: 60px">{{$TIER}} <b id="count"></b></p><i></i>
</div>
<script>addEventListener("hf-seek", (event) => {
  document.getElementById("count").textContent = Math.round(event.detail.time * 10);
});</script></body></html>
"""

ROWS = [{"name": "Asha", "tier": "Gold"}, {"name": "Maximiliane-Theodora von Hohenberg", "tier": "Silver"},
        {"name": "", "tier": "Silver"}]  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> PreviewModel:
    (tmp_path / "card.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "people.json").write_text(json.dumps(ROWS), encoding="utf-8")
    return PreviewModel(tmp_path / "card.html", ListSource(str(tmp_path / "people.json")), RenderSettings())


@pytest.fixture
def server(model: PreviewModel) -> Iterator[PreviewServer]:
    server = PreviewServer(model, 0)
    thread = threading.Thread(target=server.serve)
    thread.start()
    yield server
    server.close()
    thread.join()


def post(url: str, told: object, **headers: str) -> object:
    request = urllib.request.Request(url, json.dumps(told).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


# ---- the model ----------------------------------------------------------------------------------


def test_the_form_comes_from_declarations_and_knows_the_extremes_of_the_list(model: PreviewModel) -> None:
    state = model.state()
    name, tier = state["variables"]
    assert (name["name"], name["longest"], name["shortest"], name["max_length"]) == ("NAME", 1, 0, 60)
    assert tier["options"] == ["Gold", "Silver"] and state["rows"] == 3


def test_an_empty_cell_takes_the_fallback_and_the_script_stands_first(model: PreviewModel) -> None:
    page = model.page(model.row(2)["values"])
    assert page["values"]["NAME"] == "friend"
    name, _, path = page["path"].removeprefix("/c/").partition("/")
    served = model.file(name, path)
    assert served is not None and b"<head><script>(() =>" in served.body and b"friend" in served.body
    first = FirstScript("1")
    assert first.put_into("<p><head>x") == "<p><head><script>1</script>x"
    assert first.put_into("<p>y<head>x") == "<p>y<head><script>1</script>x"
    assert with_script("<p>x", "1") == "<script>1</script><p>x"
    assert with_script("<!doctype html><p>x", "1") == "<!doctype html><script>1</script><p>x"


def test_sounds_are_told_with_their_times_and_served(model: PreviewModel, tmp_path: Path) -> None:
    sound = '<audio src="a%20b.wav" data-start="0.5" data-duration="1" data-volume="0.4"></audio>'
    quiet = '<audio src="a%20b.wav" data-start="0" data-mute="true"></audio>'
    (tmp_path / "a b.wav").write_bytes(b"RIFF")
    (tmp_path / "card.html").write_text(PAGE.replace("<i></i>", sound + quiet), encoding="utf-8")
    (told,) = model.page({"NAME": "Ada"})["sounds"]
    assert (told["start"], told["end"], told["volume"], told["loop"]) == (0.5, 1.5, 0.4, False)
    name, _, path = told["url"].removeprefix("/c/").partition("/")
    served = model.file(name, urllib.parse.unquote(path))
    assert served is not None and served.body == b"RIFF"


def test_a_saved_file_changes_the_version(model: PreviewModel, tmp_path: Path) -> None:
    before = model.state()["version"]
    (tmp_path / "card.html").write_text(PAGE.replace("Gold", "Plus"), encoding="utf-8")
    assert model.version() != before
    assert model.state()["variables"][1]["options"] == ["Plus", "Silver"]


# ---- the server ---------------------------------------------------------------------------------


def test_only_loopback_and_our_own_page_are_answered(server: PreviewServer) -> None:
    origin = server.url.rstrip("/")
    page = f"{server.url}api/page"
    assert "path" in str(post(page, {"values": {"NAME": "Ada"}}, Origin=origin))
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": origin, "Host": "evil.example"}):
        with pytest.raises(urllib.error.HTTPError) as caught:
            post(page, {"values": {}}, **headers)
        assert caught.value.code == 403
    request = urllib.request.Request(server.url, headers={"Host": "rebound.example"})
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(request)


def test_nothing_outside_the_folder_and_nothing_hidden_is_served(
    server: PreviewServer, tmp_path: Path
) -> None:
    (tmp_path / ".secret").write_text("x", encoding="utf-8")
    for path in ("c/0/.secret", "c/0/%2e%2e/%2e%2e/etc/passwd", "c/0/none.png", "other"):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(server.url + path)
        assert caught.value.code == 404


# ---- in Chromium --------------------------------------------------------------------------------


def picture(page: PlainPage) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    page.wait_for("!state.busy && state.wanted === null")
    page.value("byId('outlines').checked = false, draw([]), 1")
    box = page.value("(() => { const b = byId('page').getBoundingClientRect(); return [b.x, b.y]; })()")
    return decode_rgb(page.picture({"x": box[0], "y": box[1], "width": 320, "height": 180}))


@pytest.mark.browser
def test_a_paused_preview_is_the_rendered_frame_and_the_page_works(
    server: PreviewServer, model: PreviewModel, stage: Stage, browser_path: Path, tmp_path: Path
) -> None:
    values = {"NAME": "Asha", "TIER": "Gold"}
    frames = [0, 3, 14, 7]
    rendered = list(stage.stills(PAGE, frames, values))
    with plain_page(
        browser_path,
        tmp_path,
        flags=("--proxy-server=direct://", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
    ) as page:
        page.open(server.url)
        page.wait_for("state.shown && !state.busy && state.facts")
        assert page.value("byId('form').elements.length") == 2
        for frame, expected in zip(frames, rendered, strict=True):
            page.value(f"go({frame})")
            assert np.array_equal(picture(page), expected), f"frame {frame}"

        page.key("ArrowRight")
        page.wait_for("state.frame === 8")
        page.click("#longest")
        page.wait_for(
            "state.shown.values.NAME.startsWith('Max') && !state.busy && state.findings?.length > 0"
        )
        assert "runs out of the picture" in page.value("byId('findings').innerText")
        page.value("byId('outlines').click()")
        page.wait_for("document.querySelectorAll('#overlay rect.error').length === 1")
        page.click("#safe")
        assert page.value("document.querySelectorAll('#overlay rect.safe').length") == 2

        page.click("#play")
        page.wait_for("!state.playing && state.frame === 14")
        (tmp_path / "card.html").write_text(PAGE.replace("#fb4", "#f0f"), encoding="utf-8")
        page.wait_for(
            "state.facts.version !== '' && byId('page').contentDocument?.head?.innerHTML.includes('#f0f')"
        )
        page.value("(() => { const f = byId('form').elements.NAME; f.value = 'x'.repeat(70);"
                   " f.dispatchEvent(new Event('input')); })()")  # fmt: skip
        page.wait_for("!byId('trouble').hidden")
        assert "at most 60 characters" in page.value("byId('trouble').innerText")
