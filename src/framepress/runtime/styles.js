// How elements are styled, as numbers; kept from frame to frame for as long as nothing touches what decides them.
//
// Reading some hundred properties of an element takes most of the time of telling how a page looks: 1.2 s for 180
// frames of 45 elements. A style is read anew if the element, one around it or its box was touched (`touched.js`), and
// all are if anything else was that a rule may ask for: an attribute, an element that comes or goes, a style sheet.
// Where a page can change a style without any of that (rules edited in place, a rule that asks for a state which a
// script can set), nothing is kept.

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
  "display", "visibility", "opacity", "background-color", "background-image", "background-position", "background-size",
  "background-repeat", "background-clip", "background-blend-mode", "border-top-left-radius", "border-top-right-radius",
  "border-bottom-left-radius", "border-bottom-right-radius", "border-image-source", "box-shadow", "filter",
  "backdrop-filter", "mask-image", "mask-size", "mask-position", "clip-path", "mix-blend-mode", "isolation", "transform",
  "translate", "rotate", "scale", "perspective", "transform-style", "z-index", "overflow-x", "overflow-y", "object-fit",
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

function styleInto(state, style, showsInherited) {
  for (const name of OWN) {
    const value = style.getPropertyValue(name);
    if (value.includes("url(")) state.marks |= MARK_PICTURED;
    hashInto(state, value);
  }
  if (showsInherited) for (const name of INHERITED) hashInto(state, style.getPropertyValue(name));
  for (const side of SIDES) {
    const width = style.getPropertyValue(`border-${side}-width`);
    if (width === "0px") continue;
    hashInto(state, width + style.getPropertyValue(`border-${side}-style`) + style.getPropertyValue(`border-${side}-color`));
  }
  if (style.outlineStyle !== "none") hashInto(state, `${style.outlineWidth}${style.outlineColor}${style.outlineOffset}`);
  if (style.display === "list-item") state.marks |= MARK_NUMBERED | MARK_PICTURED;
}

function hashOfStyle(element, style, hasText) {
  const state = { a: 9, b: 10, marks: PICTURES.test(element.tagName) ? MARK_PICTURED : 0 };
  styleInto(state, style, hasText || isShape(element) || style.display === "list-item");
  for (const pseudo of PSEUDO) {
    const part = getComputedStyle(element, pseudo);
    if (part.content === "none" || part.content === "normal") continue;
    if (/url\(|image/.test(part.content)) state.marks |= MARK_PICTURED;
    if (part.content.includes("counter")) state.marks |= MARK_NUMBERED;
    hashInto(state, part.content + part.width + part.height + part.inset);
    styleInto(state, part, true);
  }
  return { hash: hashNumber(state), marks: state.marks };
}

// ---- kept ---------------------------------------------------------------------------------------

// `sheets`: the style sheets that `can` was decided by, as one text. `numbers`: names them in it.
const kept = { on: false, can: false, edited: false, styles: new WeakMap(), sheets: null, numbers: new WeakMap(), count: 0 };

// From now on `refreshStyles` is called before looks are asked for, or not any more.
function keepStyles(on) {
  Object.assign(kept, { on, can: false, styles: new WeakMap(), sheets: null });
}

// The style of an element: `hash`, `marks`, and whatever else was worked out from it (`ink` of `looks.js`).
function styleOf(element, style, boxText, hasText) {
  const known = kept.can ? kept.styles.get(element) : undefined;
  // Lengths and transforms may be shares of the box.
  if (known && known.boxText === boxText && known.hasText === hasText) return known;
  const fresh = { boxText, hasText, ...hashOfStyle(element, style, hasText), ink: null };
  if (kept.can) kept.styles.set(element, fresh);
  return fresh;
}

// Forget the styles that may be others than at the frame before. `targets`, `wide`: as `takeTargets` gives them.
function refreshStyles({ targets, wide }) {
  if (!kept.on) return;
  const sheets = sheetsText();
  if (sheets !== kept.sheets || targets === null) {
    Object.assign(kept, { sheets, styles: new WeakMap(), can: !kept.edited && sheets !== null && areQuiet() });
  } else if (kept.edited) {
    kept.can = false;
  } else if (wide || shadowRoots.size > 0) {
    kept.styles = new WeakMap();
  } else {
    for (const target of targets) forgetBelow(target);
  }
}

function forgetBelow(target) {
  // The direction of such an element is that of the text in it.
  const from = target.closest("[dir=auto]") ?? target;
  kept.styles.delete(from);
  for (const element of from.querySelectorAll("*")) kept.styles.delete(element);
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
  if (text.includes("@container") || text.includes("[style")) return false;
  return [...text.matchAll(/(?<![:\w-]):([a-z][a-z-]*)|(?<=[\w\])-]):(?!:)([a-z][a-z-]*)/g)]
    .every(([, first, second]) => QUIET_PSEUDO.test(first ?? second));
}
