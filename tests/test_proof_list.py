"""A list with planted defects of every kind: all are found, and next to nothing else."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

import pytest

from program import Program
from test_preflight_layout import png

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><meta charset="utf-8">
<script type="application/hyperframes-vars">{
  "NAME": {"default": "Ada Byron", "fallback": "friend", "maxLength": 160},
  "CITY": {"default": "Bern"}, "POINTS": {"type": "number", "default": "1200", "min": 0},
  "JOINED": {"default": "2020-05-01"}, "INK": {"type": "color", "default": "#ffffff"},
  "TIER": {"type": "enum", "default": "Gold", "options": ["Gold", "Silver", "Bronze"]},
  "FACE": {"type": "image", "default": "face.png"}}</script>
<style>
  #root { width: 640px; height: 360px; background: #142a3a; color: #fff; font: 24px/30px "Noto Sans" }
  div, p, img { position: absolute; margin: 0; left: 60px } p { white-space: nowrap }
  #name { top: 40px; width: 380px; height: 34px; overflow: hidden; white-space: nowrap }
  img { left: 480px; top: 40px; width: 96px; height: 96px; object-fit: cover }
</style>
<div id="root" data-width="640" data-height="360" data-fps="10" data-duration="1">
  <div id="name" data-start="0.1" data-fade="in 0.3">{{$NAME}}</div>
  <p id="city" style="top: 100px">{{$CITY}}</p><p id="coast" style="left: 300px; top: 100px">coast</p>
  <p style="top: 160px">{{$POINTS}} points</p><p style="top: 210px">since {{$JOINED}}</p>
  <p style="top: 260px; color: {{$INK}}">{{$TIER}} member</p><img src="{{$FACE}}" alt="">
</div>
"""

FIRST = ("Asha", "Ben", "Carla", "Deniz", "Emre", "Freja", "Grace", "Hugo", "Iris", "João", "Kemal", "Lina",
         "Mae", "Noor", "Olga", "Pia", "Quim", "Rosa", "Sami")  # fmt: skip
LAST = ("Adler", "Brandt", "Costa", "Dogan", "Ek", "Ferrari", "Gupta", "Hansen", "Ito", "Jansen", "Kaya",
        "López", "Moreau", "Novák", "Okoye", "Park")  # fmt: skip
CITIES = ("Bern", "Oslo", "Lyon", "Porto", "Graz", "Kyiv", "Split", "Turin", "Delft", "Ghent")


@dataclass(frozen=True)
class Defect:
    """One cell that goes wrong, and what has to be found there."""

    rule: str
    column: str
    value: str


#: Twenty kinds; each is planted twice in the long list and once in the short one.
DEFECTS = (
    Defect("text-cut", "name", "Maximiliane-Theodora von Hohenberg-Österreich zu Sonnenfeld"),
    Defect("text-overlap", "city", "Llanfairpwllgwyngyllgoger"),
    Defect("out-of-frame", "city", "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch"),
    Defect("glyph-missing", "name", "Ada \ue123"),
    Defect("glyph-fallback", "name", "李小龍"),
    Defect("contrast-low", "ink", "#1c3a50"),
    Defect("image-missing", "face", "nobody.png"),
    Defect("image-broken", "face", "broken.png"),
    Defect("image-upscaled", "face", "tiny.png"),
    Defect("image-cropped", "face", "wide.png"),
    Defect("value-blank", "name", "   "),
    Defect("value-placeholder", "name", "{{first_name}}"),
    Defect("value-null", "city", "undefined"),
    Defect("value-test", "name", "Test User"),
    Defect("value-spaces", "name", "Grace  Hopper"),
    Defect("value-case", "name", "GRACE HOPPER"),
    Defect("value-mojibake", "city", "ZÃ¼rich"),
    Defect("value-entity", "city", "Fish &amp; Chips"),
    Defect("value-control", "name", "Ada\u200bByron"),
    Defect("value-date", "joined", "2023-02-30"),
    Defect("value-outlier", "points", "98000000"),
    Defect("row-refused", "tier", "Tin"),
)


def clean_rows(count: int, seed: int) -> list[dict[str, str]]:
    lot = random.Random(seed)
    rows: dict[tuple[str, ...], None] = {}
    while len(rows) < count:
        name = f"{lot.choice(FIRST)} {lot.choice(LAST)}"
        city, tier = lot.choice(CITIES), lot.choice(["Gold", "Silver", "Bronze"])
        joined = f"20{lot.randrange(10, 25)}-{lot.randrange(1, 13):02}-{lot.randrange(1, 29):02}"
        points = str(round(lot.lognormvariate(7, 0.8)))
        rows[name, city, points, joined, tier] = None
    columns = ("name", "city", "points", "joined", "tier")
    return [
        dict(zip(columns, row, strict=True))
        | {"ink": "#ffffff", "face": ("face.png", "other.png")[index % 2]}
        for index, row in enumerate(rows)
    ]


def proof_of(program: Program, count: int, defects: list[Defect]) -> tuple[dict[int, set[str]], set[str]]:
    """Row -> rules found in it; and the kinds that the proof set shows."""
    rows = clean_rows(count, seed=5)
    lot = random.Random(7)
    places = lot.sample(range(5, count), len(defects) + 1)
    for place, defect in zip(places, defects, strict=False):
        rows[place][defect.column] = defect.value
    twin = places[-1]
    rows[twin] = dict(rows[0])
    program.write("card.html", PAGE)
    program.write("people.json", rows)
    for name, width, height in (("face.png", 96, 96), ("other.png", 120, 110), ("tiny.png", 40, 40),
                                ("wide.png", 900, 240)):  # fmt: skip
        png(program.folder / name, width, height)
    (program.folder / "broken.png").write_bytes((program.folder / "face.png").read_bytes()[:60])
    words = ("proof", "card.html", "--variants", "people.json", "--clips", "0", "--workers", "2")
    process = program.start(*words)
    _, stderr = process.communicate(timeout=60 + count)
    assert process.returncode == 1, stderr.decode()
    document = json.loads((program.folder / "proof/proof.json").read_text("utf-8"))
    found: dict[int, set[str]] = {}
    for one in document["findings"]:
        if one["severity"] != "note" and one["row"] is not None:
            found.setdefault(one["row"], set()).add(one["rule"])
    for place, defect in zip(places, defects, strict=False):
        assert defect.rule in found.pop(place + 1, set()), f"{defect} in row {place + 1}"
    assert "row-duplicate" in found.pop(twin + 1, set())
    assert len(document["proof_set"]) <= 24
    reasons = [reason for row in document["proof_set"] for reason in row["reasons"]]
    shown = {reason.removeprefix("finding ").partition(":")[0] for reason in reasons if "finding" in reason}
    return found, shown


#: Kinds whose rows cannot be drawn, and so cannot be in the contact sheet.
UNDRAWN = {"image-missing", "image-broken", "row-refused"}


def test_a_short_list_with_every_kind_of_defect(program: Program) -> None:
    false_alarms, shown = proof_of(program, 40, list(DEFECTS))
    assert false_alarms == {}
    assert {defect.rule for defect in DEFECTS} - UNDRAWN <= shown


@pytest.mark.slow
def test_two_thousand_rows_with_forty_defects(program: Program) -> None:
    defects = [*DEFECTS, *DEFECTS][:40]
    false_alarms, shown = proof_of(program, 2000, defects)
    assert sum(map(len, false_alarms.values())) <= 5, false_alarms
    assert {defect.rule for defect in DEFECTS} - UNDRAWN <= shown
