"""A composition with tokens as a HyperFrames project: the same markup, styles, scripts, fonts and pictures.

Only how values get in differs. `{{$NAME}}` in a text becomes a `span` with `data-set-text="{{$NAME}}"`, in an
attribute `src` it becomes `data-set-src`, in a style sheet `var(--set-name)`, and a script before all others
puts the values of `window.__hyperframes.getVariables()` there. Variables are the tokens' names in small
letters.

Relies on what the compositions of this benchmark keep to: attributes with tokens stand in double quotes,
tokens are declared and spelt `{{$NAME}}`, and none stands in a script. What does not fit is an error.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any

from reusebench.compositions import root_number

_TOKEN = re.compile(r"\{\{\$([A-Z][A-Z0-9_]*)\}\}")
_DECLARATIONS = re.compile(
    r'<script type="application/hyperframes-vars">(?P<json>.*?)</script>\s*', re.DOTALL
)
_IN_ATTRIBUTE_OR_TEXT = re.compile(
    r'\s(?P<name>[a-z][a-z-]*)="(?P<value>[^"]*\{\{\$[^"]*)"|(?P<token>\{\{\$[A-Z][A-Z0-9_]*\}\})'
)
_ROOT = re.compile(r"<div(?=[^>]*\sdata-width=)(?![^>]*\sdata-start=)")
_STYLE = re.compile(r"(?<=<style>).*?(?=</style>)", re.DOTALL)
_VIDEO = re.compile(r"<video(?![^>]*\sdata-start=)")
_TIMED_MEDIA = re.compile(r"<audio(?=[^>]*\sdata-start=)")

#: Types of variables that both know by one name; others are texts there.
_TYPES = frozenset({"string", "number", "color", "boolean"})

#: Values, and what makes HyperFrames draw as the composition says. It asks for `text-rendering:
#: geometricPrecision` everywhere, which moves some lines by a pixel. And it plays CSS animations of SVG
#: elements from when it found them, so they are put to the frame's time here.
_BIND = """\
<style>* { text-rendering: auto; }</style>
<script>
  // Puts the row's values where the tokens stood.
  (() => {
    const values = window.__hyperframes.getVariables();
    const token = /\\{\\{\\$(\\w+)\\}\\}/g;
    const fill = (text) => text.replace(token, (_, name) => String(values[name.toLowerCase()]));
    for (const element of document.querySelectorAll("*")) {
      for (const { name, value } of [...element.attributes]) {
        if (name === "data-set-text") element.textContent = fill(value);
        else if (name.startsWith("data-set-")) element.setAttribute(name.slice(9), fill(value));
      }
    }
    for (const [name, value] of Object.entries(values)) {
      document.documentElement.style.setProperty(`--set-${name}`, String(value));
    }
    window.addEventListener("hf-seek", (event) => {
      for (const animation of document.getAnimations()) {
        const target = animation.effect?.target;
        if (!(target instanceof SVGElement)) continue;
        animation.pause();
        animation.currentTime = event.detail.time * 1000;
      }
    });
  })();
</script>
"""


class PortError(Exception):
    """The composition holds something that this port does not know."""


def write_project(composition: Path, project: Path) -> list[str]:
    """Write `index.html` and all files beside the composition into `project`, afresh.

    Returns:
        Names of the variables.
    """
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(composition.parent, project, ignore=shutil.ignore_patterns("*.html", "*.json", "*.py"))
    text, variables = port_html(composition.read_text(encoding="utf-8"))
    (project / "index.html").write_text(text, encoding="utf-8")
    return [variable["id"] for variable in variables]


def port_html(text: str) -> tuple[str, list[dict[str, Any]]]:
    """The markup for HyperFrames, and the variables that it declares."""
    variables = [_variable(name, facts) for name, facts in declarations_of(text).items()]
    text = _DECLARATIONS.sub("", text)
    text = _STYLE.sub(lambda found: _TOKEN.sub(_property, found[0]), text)
    text = _IN_ATTRIBUTE_OR_TEXT.sub(_bound, text)
    known = {variable["id"].upper() for variable in variables}
    if unknown := set(_TOKEN.findall(text)) - known:
        raise PortError(f"tokens without declaration: {sorted(unknown)}")
    # Without an id HyperFrames does not take the root for a composition, and renders 1080x1920.
    identity = "" if "data-composition-id=" in text else ' data-composition-id="main"'
    text = _replace_once(_ROOT, f'<div data-no-timeline data-start="0"{identity}', text)
    text = _TIMED_MEDIA.sub('<audio id="music"', text)
    seconds = root_number(text, "data-duration")
    # A clip of its own for as long as the whole lasts, which is what a video without times is here.
    text = _VIDEO.sub(f'<video id="video" class="clip" data-start="0" data-duration="{seconds}"', text)
    scripts = text.find("<script src=")
    bound = scripts if scripts >= 0 else text.rindex("</body>")
    text = text[:bound] + _BIND + text[bound:]
    attribute = html.escape(json.dumps(variables, ensure_ascii=False))
    head = re.compile(r"<html\b")
    return _replace_once(head, f'<html data-composition-variables="{attribute}"', text), variables


def declarations_of(text: str) -> dict[str, dict[str, Any]]:
    """The variables that a composition declares.

    Raises:
        PortError: it has no block of declarations.
    """
    block = _DECLARATIONS.search(text)
    if block is None:
        raise PortError("no block of declarations")
    declared: dict[str, dict[str, Any]] = json.loads(block["json"])
    return declared


def _property(found: re.Match[str]) -> str:
    return f"var(--set-{found[1].lower()})"


def _bound(found: re.Match[str]) -> str:
    if found["token"] is not None:
        return f'<span data-set-text="{found["token"]}"></span>'
    return f' data-set-{found["name"]}="{found["value"]}"'


def _variable(name: str, facts: dict[str, Any]) -> dict[str, Any]:
    kind = facts.get("type", "string")
    default = facts["default"]
    if kind == "number":
        default = float(default) if "." in default else int(default)
    return {
        "id": name.lower(),
        "type": kind if kind in _TYPES else "string",
        "label": facts.get("label", name),
        "default": default,
    }


def _replace_once(pattern: re.Pattern[str], replacement: str, text: str) -> str:
    changed, count = pattern.subn(lambda _: replacement, text)
    if count != 1:
        raise PortError(f"{pattern.pattern} stands {count} times in the composition; expected once")
    return changed
