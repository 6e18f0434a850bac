"""The fonts Chromium sees. Real Chromium draws each script under our fontconfig; a page compares the pixels.

A glyph that is missing is drawn as the font's empty box, so a page can tell a real glyph from a missing one
by drawing a character that no font has (U+10FFFE) beside it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from framepress import fontconfig
from framepress.errors import StorageFault
from framepress.fontconfig import (
    FALLBACK_ORDER,
    FAMILIES,
    FONT_FOLDER,
    fallback_font_digest,
    write_fontconfig,
)

#: One sample per script that the bundled fonts promise, in both weights.
SCRIPTS = {
    "latin": "Ağžøß",
    "vietnamese": "Nguyễn",
    "greek": "Ωμέγα",
    "cyrillic": "Юлия",
    "arabic": "محمد",
    "hebrew": "שלמה",
    "devanagari": "आशा",
    "thai": "สมชาย",
    "chinese": "王婷张",
    "traditional": "龍馬陳",
    "japanese": "さくらサクラ",
    "korean": "김민수",
    "emoji": "🎉🦊😀",
}

PAGE = """<!doctype html><meta charset="utf-8"><body><script>
const [scripts, families] = %s;
function draw(text, font) {
  const canvas = document.createElement('canvas'); canvas.width = 120; canvas.height = 60;
  const pen = canvas.getContext('2d'); pen.font = font; pen.fillText(text, 20, 42);
  return pen.getImageData(0, 0, 120, 60).data.join();
}
function width(text, font) {
  const span = document.createElement('span'); span.textContent = text; span.style.font = font;
  document.body.append(span); const found = span.getBoundingClientRect().width; span.remove(); return found;
}
const out = {missing: {}, widths: {}};
for (const weight of ['400', '700']) {
  const font = weight + ' 32px sans-serif', box = draw('\\u{10FFFE}', font), blank = draw(' ', font);
  for (const [name, text] of Object.entries(scripts))
    for (const one of text) {
      const pixels = draw(one, font);
      if (pixels === box || pixels === blank) (out.missing[name] ??= []).push(weight + ' ' + one);
    }
}
for (const family of families) out.widths[family] = width('Hamburgefonstiv 0123 שלום', '40px ' + family);
document.body.textContent = '';
const result = document.createElement('pre'); result.textContent = JSON.stringify(out);
document.body.append(result);
</script>"""


def look(
    folder: Path, config: Path, families: list[str], scripts: dict[str, str]
) -> dict[str, dict[str, object]]:
    """What Chromium draws under a fontconfig: characters without a glyph, and widths of a line per family."""
    browser = shutil.which("chromium-headless-shell") or shutil.which("chrome-headless-shell")
    if browser is None:
        if os.environ.get("CI"):
            pytest.fail("no headless Chromium")
        pytest.skip("no headless Chromium on the PATH")
    page = folder / "page.html"
    page.write_text(PAGE % json.dumps([scripts, families]).replace("<", "\\u003c"), encoding="utf-8")
    command = [browser, "--no-sandbox", "--disable-gpu", "--font-render-hinting=none", "--dump-dom"]
    done = subprocess.run(
        [*command, f"--user-data-dir={folder / 'profile'}", page.as_uri()],
        env={**os.environ, "FONTCONFIG_FILE": str(config)},
        capture_output=True,
        timeout=60,
        check=True,
    )
    found = re.search(r"<pre>(.*?)</pre>", done.stdout.decode(), re.DOTALL)
    assert found is not None
    answer: dict[str, dict[str, object]] = json.loads(found.group(1))
    return answer


def machine_family() -> str:
    """A Latin family that is on this machine only."""
    listing = shutil.which("fc-list")
    if listing is None:
        pytest.skip("fc-list is not installed")
    lines = subprocess.run([listing, ":lang=en", "family"], capture_output=True, check=True).stdout.decode()
    for line in sorted(lines.splitlines()):
        family = line.split(",")[0].strip()
        if re.fullmatch(r"(DejaVu|Liberation) (Serif|Sans)", family):
            return family
    pytest.skip("none of the families this test knows is installed")


@pytest.mark.browser
def test_every_promised_script_is_drawn_in_both_weights_and_an_unknown_character_is_a_box(
    tmp_path: Path,
) -> None:
    config = write_fontconfig(tmp_path / "fonts", font_folders=[], system_fonts=False)
    found = look(tmp_path, config, [], {**SCRIPTS, "nothing": "\U0010fffd"})
    assert found["missing"] == {"nothing": ["400 \U0010fffd", "700 \U0010fffd"]}


@pytest.mark.browser
def test_a_font_of_the_machine_is_found_only_when_asked_for(tmp_path: Path) -> None:
    family = f"'{machine_family()}', monospace"
    closed = write_fontconfig(tmp_path / "closed", font_folders=[], system_fonts=False)
    opened = write_fontconfig(tmp_path / "opened", font_folders=[], system_fonts=True)
    without = look(tmp_path, closed, [family, "monospace"], {})["widths"]
    assert without[family] == without["monospace"]
    with_machine = look(tmp_path, opened, [family, "monospace"], {})["widths"]
    assert with_machine[family] != with_machine["monospace"]


@pytest.mark.browser
def test_a_font_of_the_composition_is_found_by_its_name(tmp_path: Path) -> None:
    own = tmp_path / "a folder & more" / "deep"
    own.mkdir(parents=True)
    data = (FONT_FOLDER / "NotoSansHebrew-Bold.ttf").read_bytes()
    renamed = data.replace("Noto Sans Hebrew".encode("utf-16-be"), "Only Here Hebrew".encode("utf-16-be"))
    (own / "own.ttf").write_bytes(renamed)
    config = write_fontconfig(tmp_path / "fonts", font_folders=[own.parent], system_fonts=False)
    families = ["'Only Here Hebrew', monospace", "'Not Anywhere', monospace", "monospace"]
    widths = look(tmp_path, config, families, {})["widths"]
    assert widths[families[0]] != widths["monospace"]
    assert widths[families[1]] == widths["monospace"]


@pytest.mark.browser
def test_css_generics_and_the_names_chromium_asks_for_lead_to_the_bundled_families(tmp_path: Path) -> None:
    config = write_fontconfig(tmp_path / "fonts", font_folders=[], system_fonts=False)
    generics = {"sans-serif": "Noto Sans", "serif": "Noto Serif", "monospace": "Noto Sans Mono"}
    generics |= {"system-ui": "Noto Sans", "cursive": "Noto Sans", "fantasy": "Noto Sans"}
    generics |= {"Arial, monospace": "Noto Sans", "'Times New Roman', monospace": "Noto Serif"}
    generics |= {"'Courier New', serif": "Noto Sans Mono"}
    quoted = [f"'{family}'" for family in sorted(set(generics.values()))]
    widths = look(tmp_path, config, [*generics, *quoted], {})["widths"]
    assert {name: widths[name] for name in generics} == {
        name: widths[f"'{family}'"] for name, family in generics.items()
    }
    assert len({widths[name] for name in quoted}) == 3


def test_the_file_is_well_formed_and_names_its_folders_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a <&> b", tmp_path / "missing"
    path = write_fontconfig(tmp_path / "deep" / "fonts", font_folders=[first, second], system_fonts=False)
    tree = ET.fromstring(path.read_bytes())
    assert [element.text for element in tree.iter("dir")] == [str(first), str(second), str(FONT_FOLDER)]
    assert [element.text for element in tree.iter("cachedir")] == [str(path.parent / "fontconfig-cache")]
    assert list(tree.iter("include")) == []
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["fontconfig-cache", "fonts.conf"]


def test_a_folder_that_cannot_be_written_is_the_environments_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFault, match="font configuration cannot be written"):
        write_fontconfig(tmp_path / "file" / "fonts", font_folders=[], system_fonts=False)


def test_every_family_that_the_rules_name_is_bundled_with_its_licence() -> None:
    names = {path.stem.split("-")[0].replace("CJKsc", "CJK SC").lower() for path in FONT_FOLDER.glob("*.?tf")}
    bundled = {name.replace(" ", "") for name in names}
    named = {family for family, _, _ in FAMILIES} | set(FALLBACK_ORDER)
    assert {family.replace(" ", "").lower() for family in named} == bundled
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FONT_FOLDER / "OFL.txt").read_text(encoding="utf-8")
    assert sum(path.stat().st_size for path in FONT_FOLDER.iterdir()) < 14_000_000


def test_the_digest_changes_with_a_font_and_with_a_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.ttf", "b.otf"):
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.setattr(fontconfig, "FONT_FOLDER", tmp_path)
    digest = fallback_font_digest.__wrapped__
    before = digest()
    (tmp_path / "README").write_text("not a font")
    assert digest() == before
    (tmp_path / "b.otf").write_bytes(b"other")
    after = digest()
    assert after != before
    monkeypatch.setattr(fontconfig, "FALLBACK_ORDER", ("Noto Sans",))
    assert digest() != after
