"""An approval holds for what was approved and for nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from framepress.composition_loading import load_composition
from framepress.errors import InputError, UsageError
from framepress.proof.approval import Approval, Scope, approve, check_approval
from framepress.proof.identity import Identity, identity_of
from framepress.settings import RenderSettings
from program import PAGE, Program

KEY = b"a key that only reviewers have"
HERE = Identity("c" * 64, "f" * 64, "5" * 64, "a" * 64)


def proof_file(folder: Path, identity: Identity = HERE, errors: int = 0) -> Path:
    path = folder / "proof.json"
    document = {
        "framepress_proof": 1,
        "identity": identity.as_dict(),
        "counts": {"error": errors, "warning": 2, "note": 0},
        "findings": [{"rule": "value-spaces", "row": 3, "field": "NAME"}],
        "approvals": [],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def approved(path: Path, scope: Scope = "template", key: bytes | None = None) -> Approval:
    return approve(path, by="Asha Rao", scope=scope, note="", key=key, accept_errors=False)


def changed(**fields: str) -> Identity:
    return Identity(**{**HERE.as_dict(), **fields})


def refused(path: Path, identity: Identity = HERE, key: bytes | None = None) -> str:
    with pytest.raises(InputError) as caught:
        check_approval(path, identity, key=key)
    return caught.value.message


def test_what_nobody_approved_is_not_approved(tmp_path: Path) -> None:
    assert "is not approved" in refused(proof_file(tmp_path))


@pytest.mark.parametrize("scope", ["template", "rows"])
def test_an_approval_holds_for_the_same_again_and_names_who_gave_it(tmp_path: Path, scope: Scope) -> None:
    path = proof_file(tmp_path)
    approved(path, scope)
    found = check_approval(path, HERE, key=None)
    assert (found.by, found.scope, found.signed) == ("Asha Rao", scope, False)


@pytest.mark.parametrize("scope", ["template", "rows"])
@pytest.mark.parametrize("part", ["composition", "fonts", "settings"])
def test_either_scope_ends_with_a_change_of_the_template(tmp_path: Path, scope: Scope, part: str) -> None:
    path = proof_file(tmp_path)
    approved(path, scope)
    assert "does not hold" in refused(path, changed(**{part: "0" * 64}))


def test_other_rows_end_an_approval_of_rows_only(tmp_path: Path) -> None:
    path = proof_file(tmp_path)
    approved(path, "rows")
    assert "the rows are others" in refused(path, changed(rows="0" * 64))
    approved(path, "template")
    assert check_approval(path, changed(rows="0" * 64), key=None).scope == "template"


def test_errors_have_to_be_accepted_by_name(tmp_path: Path) -> None:
    path = proof_file(tmp_path, errors=2)
    with pytest.raises(InputError, match="2 errors"):
        approved(path)
    approve(path, by="Asha", scope="rows", note="", key=None, accept_errors=True)
    assert check_approval(path, HERE, key=None).scope == "rows"
    with pytest.raises(UsageError):
        approve(path, by="  ", scope="rows", note="", key=None, accept_errors=True)


def edit(path: Path, change: Any) -> None:
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")


def test_a_proof_that_was_edited_after_its_approval_is_not_approved(tmp_path: Path) -> None:
    path = proof_file(tmp_path)
    approved(path)
    edit(path, lambda document: document["findings"].clear())
    assert "changed after it was approved" in refused(path)


def test_with_a_key_only_approvals_under_that_key_count(tmp_path: Path) -> None:
    path = proof_file(tmp_path)
    approved(path)
    assert "not signed" in refused(path, key=KEY)
    assert approved(path, key=b"another key").signed
    assert "not signed" in refused(path, key=KEY)
    approved(path, key=KEY)
    assert check_approval(path, HERE, key=KEY).signed


@pytest.mark.parametrize(("name", "value"), [("by", "Mallory"), ("scope", "template"), ("at", "2030-01-01")])
def test_a_signed_approval_cannot_be_edited(tmp_path: Path, name: str, value: str) -> None:
    path = proof_file(tmp_path)
    approved(path, "rows", key=KEY)
    edit(path, lambda document: document["approvals"][0].update({name: value}))
    assert "not signed" in refused(path, key=KEY)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"framepress_proof": 2}', '{"framepress_proof": 1}'])
def test_another_file_is_refused_with_a_message(tmp_path: Path, content: str) -> None:
    path = tmp_path / "proof.json"
    path.write_text(content, encoding="utf-8")
    assert "proof.json" in refused(path)


def test_a_comma_in_the_template_and_a_byte_in_a_font_make_another_identity(tmp_path: Path) -> None:
    card, font = tmp_path / "card.html", tmp_path / "fonts" / "brand.ttf"
    font.parent.mkdir()
    font.write_bytes(b"a font")
    card.write_text(PAGE, encoding="utf-8")

    def identity(settings: RenderSettings | None = None) -> Identity:
        return identity_of(load_composition(card), settings or RenderSettings(), "a" * 64)

    before = identity()
    assert identity(RenderSettings(crf=23)) == before, "the encoder changes nothing that was approved"
    assert identity(RenderSettings(locale="de")).settings != before.settings
    card.write_text(PAGE.replace("{{$NAME}} {{$POINTS}}", "{{$NAME}}, {{$POINTS}}"), encoding="utf-8")
    assert identity().composition != before.composition
    card.write_text(PAGE, encoding="utf-8")
    font.write_bytes(b"a fond")
    assert identity().composition == before.composition and identity().fonts != before.fonts


@pytest.mark.slow
@pytest.mark.browser
def test_render_and_enqueue_ask_for_the_approval(program: Program) -> None:
    rows = [{"NAME": name, "POINTS": "5"} for name in ("Asha", "Ben")]
    program.write("card.html", PAGE)
    program.write("people.json", rows)
    proofed = program.run("proof", "card.html", "--variants", "people.json", "--clips", "0", "--workers", "1")
    assert proofed.code == 0, proofed.stderr
    asked = ("--require-approval", "proof/proof.json", "--workers", "1")
    render = ("render", "card.html", "--variants", "people.json", *asked)
    assert "is not approved" in program.run(*render).stderr
    given = program.run("approve", "proof/proof.json", "--by", "Asha Rao", "--scope", "rows")
    assert given.code == 0 and "not a signature" in given.stderr
    done = program.run(*render, "--json")
    assert done.code == 0 and len(done.rows()) == 2, done.stderr
    program.write("people.json", [rows[0], {"NAME": "Bea", "POINTS": "5"}])
    assert "the rows are others" in program.run(*render).stderr

    program.run("approve", "proof/proof.json", "--by", "Asha Rao")
    program.write("people.json", [rows[0], {"NAME": "{{first}}", "POINTS": "5"}])
    stopped = program.run(*render)
    assert stopped.code == 2 and "would not look as approved" in stopped.stderr
    assert "{{first}}" not in stopped.stderr
    skipped = program.run(*render, "--json", "--bad-rows", "skip")
    assert [row["status"] for _, row in sorted(skipped.rows().items())] == ["done", "failed"]
    queue = ("--queue", "sqlite:///jobs.sqlite3", "--run", "one", "--out-dir", "sent")
    enqueue = ("enqueue", "card.html", "--variants", "people.json", *queue, *asked[:2])
    assert program.run(*enqueue).code == 2
    assert program.run(*enqueue, "--bad-rows", "skip").code == 0
    program.write("card.html", PAGE.replace("{{$NAME}} {{$POINTS}}", "{{$NAME}}, {{$POINTS}}"))
    assert "has changed" in program.run(*enqueue).stderr
