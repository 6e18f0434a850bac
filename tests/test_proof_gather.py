"""What a list says before a page is opened."""

from __future__ import annotations

import json
from pathlib import Path

from framepress.batch import Batch
from framepress.batch_request import BatchRequest
from framepress.preflight.choose import Chooser
from framepress.proof.gather import Gatherer
from framepress.row_binding import BindingOptions
from framepress.settings import RenderSettings, RunLimits
from framepress.variants import Binder

PAGE = """<!doctype html><meta charset="utf-8">
<script type="application/hyperframes-vars">{"NAME": {"default": "Ada"}, "TIER": {"default": "b"}}</script>
<div data-width="64" data-height="36" data-duration="1"><p>{{$NAME}}</p>
<b data-if="TIER == 'vip'">thanks</b></div>
"""


def test_both_ways_of_a_condition_are_reasons_to_show_a_row(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(PAGE)
    rows = [{"name": f"N{n}", "tier": "vip" if n == 5 else "basic"} for n in range(1, 9)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    request = BatchRequest(
        composition=tmp_path / "page.html",
        rows=str(tmp_path / "rows.json"),
        out_dir=tmp_path / "out",
        binding=BindingOptions(),
        settings=RenderSettings(),
        limits=RunLimits(),
        browser=None,
        workers=0,
    )
    with Batch(request) as batch:
        batch.prepare()
        binder = Binder(
            batch.composition, columns=("name", "tier"), column_map={}, use_default=(), batch=True
        )
        gatherer = Gatherer(batch.ledger, batch.composition, binder, lambda: None)
        chooser = Chooser(batch.composition.declarations)
        gatherer.gather(chooser)
        chosen = chooser.choose(24)
        reasons = {reason: one.row for one in chosen.rows for reason in one.reasons}
        assert reasons["branch: data-if at page.html:4:13, there"] == 5
        assert reasons["branch: data-if at page.html:4:13, left out"] != 5
        # What was noted beside the values is no variable.
        assert not any("@" in reason for reason in reasons)
        assert set(gatherer.default().values) == {"NAME", "TIER"}
