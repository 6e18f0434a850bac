"""The image as far as it can be tried without a container runtime: what it copies is there and is enough,
what it runs exists and is understood, and it does not run as root.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import site
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main

from framepress.cli import app

ROOT = Path(__file__).resolve().parents[1]


def instructions() -> list[tuple[str, str]]:
    """Name and words of every instruction, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Containerfile").read_text("utf-8"))
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines]


def copied() -> list[Path]:
    """What the build takes from this folder."""
    words = [rest.split() for name, rest in instructions() if name == "COPY" and "--from" not in rest]
    return [ROOT / source for line in words for source in line[:-1]]


def test_what_is_copied_is_there() -> None:
    sources = copied()
    assert {"pyproject.toml", "src"} <= {source.name for source in sources}
    assert [source.name for source in sources if not source.exists()] == []
    # Whatever the build of the package reads is among it.
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for name in (project["readme"], *project["license-files"]):
        assert any((ROOT / name).is_relative_to(source) for source in sources), name
    extras = re.findall(r"/source\[(\w+)\]", (ROOT / "Containerfile").read_text("utf-8"))
    assert extras == ["all"] and "all" in project["optional-dependencies"]


def test_what_it_runs_exists_and_takes_these_options() -> None:
    found = dict(instructions())
    entry, words = json.loads(found["ENTRYPOINT"]), json.loads(found["CMD"])
    assert entry == ["/usr/bin/tini", "--", "framepress"]
    installed = " ".join(rest for name, rest in instructions() if name == "RUN")
    assert {"tini", "chromium-headless-shell", "ca-certificates", "python3"} <= set(installed.split())
    command = typer.main.get_command(app)
    context = command.make_context("framepress", list(words), resilient_parsing=True)
    chosen = command.get_command(context, words[0])  # type: ignore[attr-defined]
    assert chosen is not None
    options = {name for parameter in chosen.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


def test_it_does_not_run_as_root() -> None:
    names = [name for name, _ in instructions()]
    found = dict(instructions())
    assert int(found["USER"]) > 0
    # After the last thing that needs root, and before anything is run.
    assert names.index("USER") > max(index for index, name in enumerate(names) if name in ("RUN", "COPY"))
    assert f"--uid {found['USER']}" in " ".join(rest for name, rest in instructions() if name == "RUN")


@pytest.mark.slow
def test_what_is_copied_is_enough_to_install_and_run(tmp_path: Path) -> None:
    """The build's own commands in an environment of its own, with the libraries of this one."""
    source = tmp_path / "source"
    source.mkdir()
    for path in copied():
        if path.is_dir():
            shutil.copytree(path, source / path.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, source)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    built = subprocess.run(
        [tmp_path / "venv/bin/pip", "install", "--quiet", "--no-deps", source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    libraries = [path for path in (*site.getsitepackages(), *sys.path) if "site-packages" in path]
    environ = {
        "PATH": f"{tmp_path / 'venv/bin'}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        # Behind the environment's own: the program that runs is the installed one.
        "PYTHONPATH": ":".join([str(next((tmp_path / "venv/lib").glob("*/site-packages"))), *libraries]),
    }
    for words in (["doctor"], ["worker", "--queue", "sqlite:///q.db", "--until-empty"]):
        ended = subprocess.run(
            ["framepress", *words], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
    where = subprocess.run(
        [tmp_path / "venv/bin/python", "-c", "import framepress; print(framepress.__file__)"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.startswith(str(tmp_path / "venv"))
