"""The proof set covers every reason with few rows, the same ones each time."""

from __future__ import annotations

from framepress.declarations import Declaration
from framepress.preflight.choose import Chooser, ProofSet
from framepress.preflight.rules import finding

DECLARATIONS = {
    "NAME": Declaration("NAME"),
    "POINTS": Declaration("POINTS", type="number"),
    "TIER": Declaration("TIER", type="enum", options=("Gold", "Silver", "Bronze")),
    "PICTURE": Declaration("PICTURE", type="image"),
}
NAMES = ["Ada", "Grace", "Li", "Zoë", "Maximiliane-Theodora", "محمد", "Mae 🚀", "李", "Bob", "Anna"]


def chooser(seed: int = 0) -> Chooser:
    made = Chooser(DECLARATIONS, seed=seed)
    for row in range(1, 501):
        values = {
            "NAME": NAMES[row % 5]
            if row not in (77, 133, 401)
            else {77: "Mae 🚀", 133: "李", 401: "محمد"}[row],
            "POINTS": str(row * 3),
            "TIER": ("Gold", "Silver", "Bronze")[row % 3],
            "PICTURE": f"{row}.png",
        }
        made.add_row(row, values, values | ({"NAME": ""} if row == 250 else {}))
        made.add_widths(row, {"NAME": float(len(values["NAME"]) * 10 + (300 if row == 66 else 0))})
    return made


def reasons(found: ProofSet) -> dict[str, int]:
    return {reason: one.row for one in found.rows for reason in one.reasons}


def test_every_extreme_is_in_the_set_and_says_so() -> None:
    found = reasons(chooser().choose(24))
    assert found["largest POINTS"] == 500 and found["smallest POINTS"] == 1
    assert found["widest NAME"] == 66
    assert found["fallback of NAME"] == 250
    assert {"TIER is Gold", "TIER is Silver", "TIER is Bronze", "by lot"} <= set(found)
    assert found["rarest script of NAME: Arabic"] == 401
    assert "emoji in NAME" in found
    assert not any("PICTURE" in reason for reason in found)


def test_few_rows_serve_many_reasons_and_each_row_has_one() -> None:
    made = chooser().choose(24)
    assert made.left_out == ()
    assert len(made.rows) < len(reasons(made))
    assert all(one.reasons for one in made.rows)
    assert len({one.row for one in made.rows}) == len(made.rows) <= 24


def test_every_kind_of_finding_is_shown_before_anything_else() -> None:
    made = chooser()
    kinds = [f"rule{number}" for number in range(6)]
    for number, kind in enumerate(kinds):
        for row in (300 + number, 310 + number):
            found = finding("text-cut", "", row=row, field=kind)
            made.add_findings(row, [found])
    small = made.choose(9)
    assert {f"finding text-cut:{kind}" for kind in kinds} <= set(reasons(small))
    assert small.left_out, "nine rows cannot show everything, and that is said"


def test_branches_of_the_template_are_shown() -> None:
    made = chooser()
    made.add_branch(321, "TIER == Gold")
    assert reasons(made.choose(24))["branch: TIER == Gold"] == 321


def test_the_lot_is_seeded() -> None:
    def drawn(seed: int) -> list[int]:
        return [one.row for one in chooser(seed).choose(24).rows if "by lot" in one.reasons]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert len(drawn(1)) == 3
