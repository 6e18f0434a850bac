// How elements are styled, as numbers; kept from frame to frame for as long as nothing touches what decides them.
//
// Reading some hundred properties of an element takes most of the time of telling how a page looks: 1.2 s for 180
// frames of 45 elements. A style is read anew if more than texts of the element or of one around it was touched
// (`touched.js`), and all are if anything else was that a rule may ask for: an attribute, an element that comes or goes, a
// style sheet. Where a page can change a style without any of that (rules edited in place, a rule that asks for a state which a
// script can set), nothing is kept. Of an element that was only moved, or whose box is another, `MOVES` is read anew.

// Properties that an element without text, borders and shapes of its own does not show.
const INHERITED = [
  "color", "fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray",
  "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "font-family", "font-size", "font-weight", "font-style",
  "font-stretch", "font-feature-settings", "font-variation-settings", "font-variant", "font-kerning",
  "letter-spacing", "word-spacing", "line-height", "text-align", "text-indent", "text-transform", "text-shadow",
  "text-anchor", "text-wrap", "white-space", "word-break", "overflow-wrap", "direction", "writing-mode", "list-style-type",
  "list-style-image", "paint-order", "-webkit-text-fill-color", "-webkit-text-stroke-width", "-webkit-text-stroke-color",
];
const OWN = [
  "display", "visibility", "background-color", "background-image", "background-position", "background-size",
  "background-repeat", "background-clip", "background-blend-mode", "border-top-left-radius", "border-top-right-radius",
  "border-bottom-left-radius", "border-bottom-right-radius", "border-image-source", "box-shadow", "filter",
  "backdrop-filter", "mask-image", "mask-size", "mask-position", "mix-blend-mode", "isolation",
  "perspective", "transform-style", "z-index", "overflow-x", "overflow-y", "object-fit",
  "object-position", "text-overflow", "text-decoration-line", "text-decoration-color", "text-decoration-style",
  "image-rendering", "stop-color", "stop-opacity", "flood-color", "vector-effect", "d", "r", "rx", "ry", "cx", "cy", "x", "y",
];
// A file shows in it; it is numbered by elements around it.
const MARK_PICTURED = 1;
const MARK_NUMBERED = 2;
const PICTURES = /^(?:IMG|CANVAS|VIDEO|IFRAME|OBJECT|EMBED|INPUT|TEXTAREA|SELECT|BUTTON|PROGRESS|METER|HR|svg)$/;
const SIDES = ["top", "right", "bottom", "left"];
const PSEUDO = ["::before", "::after"];

// Two independent 26-bit hashes of a text make one number that JSON carries exactly.
function hashInto(state, text) {
  let { a, b } = state;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x5bd1e995) ^ (b >>> 15);
  }
  state.a = Math.imul(a ^ 0x1f, 0x01000193);
  state.b = Math.imul(b ^ 0x1f, 0x5bd1e995);
}

function hashNumber(state) {
  return (state.a >>> 6) * 67108864 + (state.b >>> 6);
}

function isShape(element) {
  return element.namespaceURI === "http://www.w3.org/2000/svg";
}

function valuesInto(state, style, names) {
  for (const name of names) {
    const value = style.getPropertyValue(name);
    if (value.includes("url(")) state.marks |= MARK_PICTURED;
    hashInto(state, value);
  }
}

function styleInto(state, style, showsInherited) {
  valuesInto(state, style, OWN);
  if (showsInherited) for (const name of INHERITED) hashInto(state, style.getPropertyValue(name));
  for (const side of SIDES) {
    const width = style.getPropertyValue(`border-${side}-width`);
    if (width === "0px") continue;
    hashInto(state, width + style.getPropertyValue(`border-${side}-style`) + style.getPropertyValue(`border-${side}-color`));
  }
  if (style.outlineStyle !== "none") hashInto(state, `${style.outlineWidth}${style.outlineColor}${style.outlineOffset}`);
  if (style.display === "list-item") state.marks |= MARK_NUMBERED | MARK_PICTURED;
}

// `parts`: it has pseudo-elements, of which sizes are looked at.
function hashOfStyle(element, style, hasText) {
  const state = { a: 9, b: 10, marks: PICTURES.test(element.tagName) ? MARK_PICTURED : 0 };
  styleInto(state, style, hasText || isShape(element) || style.display === "list-item");
  let parts = false;
  for (const pseudo of PSEUDO) {
    const part = getComputedStyle(element, pseudo);
    if (part.content === "none" || part.content === "normal") continue;
    parts = true;
    if (/url\(|image/.test(part.content)) state.marks |= MARK_PICTURED;
    if (part.content.includes("counter")) state.marks |= MARK_NUMBERED;
    hashInto(state, part.content + part.width + part.height + part.inset);
    valuesInto(state, part, MOVES);
    styleInto(state, part, true);
  }
  return { hash: hashNumber(state), marks: state.marks, parts };
}

// ---- kept ---------------------------------------------------------------------------------------

// `sheets`: the style sheets that `can` was decided by, as one text. `numbers`: names them in it. `moves`: of effects,
// whether they change no more than `MOVES`. `looks`: those without and with styles that were last worked out (`looks.js`).
const kept = {
  on: false, can: false, edited: false, styles: new WeakMap(), markup: new WeakMap(), sheets: null, numbers: new WeakMap(), count: 0,
  moves: new WeakMap(), looks: [],
};

// An own style that depends on what moves around the element, or on the size of a box around it.
const UNSTEADY = /inherit|\dcq/;

// From now on `refreshStyles` is called before looks are asked for, or not any more.
function keepStyles(on) {
  Object.assign(kept, {
    on, can: false, styles: new WeakMap(), markup: new WeakMap(), looks: [new WeakMap(), new WeakMap()], sheets: null,
  });
}

const UNCLIPPED = MOVES.filter((name) => name !== "clip-path");

// The style of an element: `hash`, `unclipped` (the same but for `clip-path`), `marks`, and whatever else was worked out
// from it (`ink` of `looks.js`).
function styleOf(element, style, boxText, hasText) {
  const known = kept.can ? kept.styles.get(element) : undefined;
  if (known && known.hasText === hasText && (known.boxText === boxText || !known.still.parts)) {
    // Transforms may be shares of the box.
    if (known.moved || known.boxText !== boxText) moveStyle(known, style, boxText);
    return known;
  }
  const fresh = { hasText, still: hashOfStyle(element, style, hasText), ink: null };
  moveStyle(fresh, style, boxText);
  if (kept.can && !UNSTEADY.test(element.getAttribute("style") ?? "")) kept.styles.set(element, fresh);
  return fresh;
}

// Read what moves into the style of an element.
function moveStyle(known, style, boxText) {
  const state = { a: 13, b: 14, marks: known.still.marks };
  hashInto(state, String(known.still.hash));
  valuesInto(state, style, UNCLIPPED);
  const unclipped = hashNumber(state);
  valuesInto(state, style, ["clip-path"]);
  Object.assign(known, { boxText, moved: false, unclipped, hash: hashNumber(state), marks: state.marks });
}

// Whether an animation changes no more of its element than `MOVES`.
function onlyMoves(effect) {
  if (!effect?.target || effect.pseudoElement !== null || !kept.can) return false;
  if (!kept.moves.has(effect)) {
    const names = effect.getKeyframes().flatMap((frame) => Object.keys(frame).filter((name) => !TIMING.has(name)));
    kept.moves.set(effect, names.every((name) => MOVES_NAMES.has(name)));
  }
  return kept.moves.get(effect);
}

// What a keyframe says beside its properties, which are named as in a script.
const TIMING = new Set(["offset", "computedOffset", "easing", "composite"]);
const MOVES_NAMES = new Set(MOVES.map((name) => name.replace("-p", "P")));

// Forget the styles that may be others than at the frame before. Arguments: as `takeTargets` gives them.
function refreshStyles({ targets, changed, styled, wide }) {
  if (!kept.on) return;
  const sheets = sheetsText();
  if (sheets !== kept.sheets || targets === null) {
    const can = !kept.edited && sheets !== null && areQuiet();
    Object.assign(kept, { sheets, styles: new WeakMap(), markup: new WeakMap(), moves: new WeakMap(), can });
  } else if (kept.edited) {
    kept.can = false;
  } else if (wide || shadowRoots.size > 0) {
    Object.assign(kept, { styles: new WeakMap(), markup: new WeakMap() });
  } else {
    for (const target of changed) {
      if (styled.has(target) || restylesByText(target)) forgetBelow(target);
      else kept.markup.delete(target);
    }
    for (const target of targets) {
      const known = kept.styles.get(target);
      if (known) known.moved = true;
    }
  }
}

const OWN_DIRECTION = "[dir=auto], bdi:not([dir])";

// Whether the text of an element decides how it or what is in it is styled: its direction, where a part follows it, of what size
// that is in shares of the box around.
function restylesByText(target) {
  return target.firstElementChild !== null || target.closest(OWN_DIRECTION) !== null || kept.styles.get(target)?.still.parts === true;
}

function forgetBelow(target) {
  const from = target.closest(OWN_DIRECTION) ?? target;
  for (const element of [from, ...from.querySelectorAll("*")]) {
    kept.styles.delete(element);
    kept.markup.delete(element);
  }
}

// A page that reads the rules of a sheet may change them without a trace.
const nativeRules = Object.getOwnPropertyDescriptor(CSSStyleSheet.prototype, "cssRules").get;

function watchRules() {
  // Its rules come at some later time.
  const replaceRules = CSSStyleSheet.prototype.replace;
  replace(CSSStyleSheet.prototype, "replace", function changed(text) {
    kept.edited = true;
    return replaceRules.call(this, text);
  });
  for (const name of ["cssRules", "rules"]) {
    replaceGetter(CSSStyleSheet.prototype, name, function rules() {
      kept.edited = true;
      return nativeRules.call(this);
    });
  }
  touchedBy(KeyframeEffect.prototype, "setKeyframes");
  touchedBy(AnimationEffect.prototype, "updateTiming");
  touchedBy(CSS, "registerProperty");
}

// The rules of a sheet, or null if it is another origin's.
function rulesOf(sheet) {
  try {
    return nativeRules.call(sheet);
  } catch {
    return null;
  }
}

// The rules of a sheet, each before those that it imports; null in the place of those of another origin.
function rulesWithin(sheet) {
  const rules = [...(rulesOf(sheet) ?? [null])];
  return rules.flatMap((rule) => (rule?.styleSheet ? [rule, ...rulesWithin(rule.styleSheet)] : [rule]));
}

function allSheets() {
  return [...document.styleSheets, ...document.adoptedStyleSheets];
}

function sheetsText() {
  let text = "";
  for (const sheet of allSheets()) {
    const rules = rulesOf(sheet);
    if (rules === null) return null;
    if (!kept.numbers.has(sheet)) kept.numbers.set(sheet, kept.count += 1);
    text += `${kept.numbers.get(sheet)} ${rules.length} ${sheet.disabled} ${sheet.media.mediaText} ${importsText(rules)};`;
  }
  return text;
}

// How much has come of the sheets that a sheet imports; they stand in front.
function importsText(rules) {
  let text = "";
  for (const rule of rules) {
    if (rule instanceof CSSImportRule) text += `${rule.styleSheet ? rulesOf(rule.styleSheet)?.length : "-"} `;
    else if (!(rule instanceof CSSLayerStatementRule)) break;
  }
  return text;
}

// A rule by which a style depends on what moves around an element, or on the size of a box around it.
const UNSTEADY_RULE = new RegExp(`(?<![\\w-])(?:all|${MOVES.join("|")})\\s*:\\s*inherit|\\dcq[a-z]`);

// Whether every rule asks only for what is seen to be touched: elements, attributes (but `style`) and places among
// siblings. Not for texts (`:empty`, `:dir()`), states that scripts set (`:checked`, `:focus`), or sizes.
const QUIET_PSEUDO = /^(?:root|is|where|not|(?:first|last|only)-(?:child|of-type)|nth-(?:last-)?(?:child|of-type)|lang|link|any-link|visited|hover|active|host|scope)$/;

function areQuiet() {
  return allSheets().every((sheet) => [...rulesOf(sheet)].every(isQuiet));
}

function isQuiet(rule) {
  if (rule.styleSheet) {
    const imported = rulesOf(rule.styleSheet);
    return imported !== null && [...imported].every(isQuiet);
  }
  const text = rule.cssText.replace(/url\([^)]*\)|"(?:[^"\\]|\\.)*"/g, "");
  if (text.includes("@container") || text.includes("[style") || UNSTEADY_RULE.test(text)) return false;
  return [...text.matchAll(/(?<![:\w-]):([a-z][a-z-]*)|(?<=[\w\])-]):(?!:)([a-z][a-z-]*)/g)]
    .every(([, first, second]) => QUIET_PSEUDO.test(first ?? second));
}
