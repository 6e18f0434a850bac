// The layers of a page: what is personal, and the rest that all rows share.
//
// Nothing is ever made visible that was not. A layer is shown by clipping away what belongs to the other, and by
// keeping the ancestors of what is shown from painting themselves. Clipping leaves styles, boxes and the answers
// that scripts get as they were, but for `clip-path` itself.

const PERSONAL = "data-fp-personal";
const PATH = "data-fp-path";
const ASIDE = "data-fp-aside";

// `watched`: each seek says how the personal elements look and where they paint, which takes a while.
// `only`: of the personal elements, by index, those that are shown; null: all.
// `seen`: what was said last of each personal element, and of what, with which `fonts` (`fontsThere`); `around`: of the elements around them.
const layers = {
  personal: [], shown: "", watched: false, only: null, hashes: [], sheet: null, seen: [], fonts: 0, around: new WeakMap(),
};

// Definitions paint nothing themselves, and a clip on a `clipPath` would cut what refers to it.
const DEFINITIONS = "defs, clipPath, mask, pattern, linearGradient, radialGradient, filter, marker, symbol, script, style";

// "nothing" hides the rest as "personal" does, and what is personal as "rest" does: to be drawn before a layer is looked at
// elsewhere, so that all of it is drawn anew, at no cost.
function layerSheet() {
  const on = ":root:is([data-fp-layer=personal], [data-fp-layer=nothing])";
  const others = `> :not([${PATH}], [${PERSONAL}], ${DEFINITIONS}) { clip-path: inset(100%) !important; }`;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    ${on}[${PATH}], ${on} [${PATH}] {
      background: none !important; border-color: transparent !important; border-image-source: none !important;
      box-shadow: none !important; outline-color: transparent !important; column-rule-color: transparent !important;
    }
    ${on}[${PATH}]::before, ${on}[${PATH}]::after, ${on} [${PATH}]::before, ${on} [${PATH}]::after,
    ${on} [${PATH}]::marker { visibility: hidden !important; }
    ${on}[${PATH}] ${others}
    ${on} [${PATH}] ${others}
    ${on} [${ASIDE}] { clip-path: inset(100%) !important; }
    :root:is([data-fp-layer=rest], [data-fp-layer=nothing]) [${PERSONAL}] { clip-path: inset(100%) !important; }`);
  return sheet;
}

// Say which elements are personal; by place, since a script may build them anew.
function setLayers(personal) {
  Object.assign(layers, {
    personal, shown: "", only: null, hashes: personal.map(() => -1), seen: personal.map(() => null), around: new WeakMap(),
  });
  layers.sheet ??= layerSheet();
  for (const mark of [PERSONAL, PATH, ASIDE]) {
    for (const element of document.querySelectorAll(`[${mark}]`)) element.removeAttribute(mark);
  }
  markAll();
  takeTargets();
  Object.assign(moments, { wide: false, fonts: fontsThere() });
}

function markAll() {
  if (!document.adoptedStyleSheets.includes(layers.sheet)) {
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, layers.sheet];
  }
  for (const [index, place] of layers.personal.entries()) {
    const element = elementAt(place);
    // What is not to be seen in a capture need not be drawn for it either.
    element?.toggleAttribute(ASIDE, layers.only !== null && !layers.only.includes(index));
    if (!element || element.hasAttribute(PERSONAL)) continue;
    element.setAttribute(PERSONAL, "");
    for (let up = element.parentElement; up && !up.hasAttribute(PATH); up = up.parentElement) up.setAttribute(PATH, "");
  }
}

function showLayer(name, watched = false, only = null) {
  Object.assign(layers, { shown: name, watched, only });
  keepStyles(watched);
  document.documentElement.setAttribute("data-fp-layer", name);
}

// ---- every frame --------------------------------------------------------------------------------

// Elements that were touched and are in a root or around it; null: perhaps all.
function touchesOf(root, targets) {
  if (targets === null) return null;
  return [...targets].filter((target) => root.contains(target) || target.contains(root));
}

// For each personal element: whether it may look different from the last time this was asked, where it does if that is
// not all of it (`wipe`), where it paints, how it and the elements around it look, marks of what it shows, whether
// a script draws some of it larger, smaller or turned, or CSS turns a box of it in a layer (`tossed`), and, if it may
// look different, what else decides its picture (`moment`).
function personalState({ targets, changed }) {
  const around = new Map();
  const upright = new Map();
  const clips = new Map();
  return layers.personal.map((place, index) => {
    const root = elementAt(place);
    if (!root || !hasBox(root)) {
      wipes[index] = layers.seen[index] = null;
      return remember(index, 0, false, { ink: null, path: 0, marks: 0, wipe: null, still: null, tossed: false, moment: 0 });
    }
    const before = layers.seen[index];
    const path = pathTo(root, around);
    const touches = touchesOf(root, targets);
    // Where lines of text are and how large an element is drawn, what is around it decides too, and what in it has no box.
    const steady = before && isSame(path, before.path) && touches !== null && !touches.some((target) => changed.has(target));
    const seen = lookInto(root, place, steady ? before.seen : null);
    const opaque = isOpaque(root);
    const touchedNow = opaque || touches === null || touches.length > 0;
    let told = before?.seen === seen ? { ...before.told, wipe: null } : null;
    if (!told) {
      const moved = !opaque && touches?.every((target) => target === root && !changed.has(target));
      const { left, strip } = wipeOf(index, root, seen, moved, upright);
      const shown = seen.ink && intersected(left, seen.ink);
      const ink = shown && isEmpty(shown) ? null : shown;
      const still = opaque ? null : stillOf(root, seen, clips);
      told = { ink, path: pathLook(path), marks: seen.marks, wipe: strip, still };
    }
    layers.seen[index] = { seen, path, told };
    const state = remember(index, seen.look, touchedNow, { ...told, tossed: isTossed(seen) });
    state.moment = state.changed && !opaque ? momentOf(root, seen.marks) : 0;
    return state;
  });
}

// A root and all in it: `look`, as one number; `own`, the look of the root; `looks`, of all, the root's first. `before`: what
// was said of it last, which is said again if all of it looks the same.
function lookInto(root, place, before) {
  const elements = [];
  const looks = [];
  const found = [];
  walkElements(root, place, found);
  for (const [element] of found) {
    const box = element.getBoundingClientRect();
    if (!hasBox(element, box)) continue;
    elements.push(element);
    looks.push(lookOf(element, true, box));
  }
  if (before && isSame(looks, before.looks)) return before;
  const state = { a: 1, b: 2 };
  const blurs = new Map();
  let ink = null;
  let marks = 0;
  looks.forEach((look, index) => {
    hashInto(state, String(look.hash));
    ink = joined(ink, inkOf(elements[index], look, blurs));
    marks |= look.known?.marks ?? 0;
  });
  return { look: hashNumber(state), own: looks[0], looks, elements, ink, marks };
}

function isSame(some, others) {
  return some.length === others.length && some.every((one, index) => one === others[index]);
}

function isTossed({ elements, looks }) {
  return looks.some((look, index) => (
    look.drawn?.softness > 0 && (isTransformedInline(elements[index]) || isTurnedLayer(elements[index], look))));
}

// Whether a box is turned by CSS in what may be a layer of its own, with edges that are then the layer's.
function isTurnedLayer(element, { known, style }) {
  if (!(known?.ink.paints ?? paintsBox(element, style))) return false;
  let isLayer = false;
  let isTurned = false;
  for (let at = element; at; at = parentOf(at)) {
    const { transform, rotate, willChange } = getComputedStyle(at);
    isLayer ||= willChange !== "auto" || at.getAnimations().length > 0;
    isTurned ||= rotate !== "none" || isTurning(transform);
  }
  return isLayer && isTurned;
}

function isTurning(transform) {
  if (transform === "none") return false;
  const { is2D, a, b, c, d } = new DOMMatrixReadOnly(transform);
  return !is2D || ((b !== 0 || c !== 0) && (a !== 0 || d !== 0));
}

function isTransformedInline(element) {
  for (let at = element; at; at = parentOf(at)) {
    if (at.style && (at.style.transform || at.style.rotate || at.style.scale)) return true;
  }
  return false;
}

function isOpaque(root) {
  return root.matches(OPAQUE) || root.querySelector(OPAQUE) !== null;
}

function remember(index, look, touchedNow, told) {
  const changed = layers.hashes[index] !== look;
  layers.hashes[index] = look;
  return { changed: changed || (touchedNow && look !== 0), look, ...told };
}

// The ancestors of what is personal: they may clip it, and hand properties down that no look names. Of one that looks as before
// and has the style attribute that it had, what was said then: with any other attribute its look is another object, and the style
// of a hidden one is in no look. `around`: those that were looked at already.
function pathTo(root, around) {
  const path = [];
  for (let element = root.parentElement; element; element = element.parentElement) {
    if (!around.has(element)) around.set(element, lookAround(element));
    path.push(around.get(element));
  }
  return path;
}

function lookAround(element) {
  const look = lookOf(element, true);
  const style = element.getAttribute("style");
  const before = layers.around.get(element);
  if (before && before.look === look && before.style === style && !look.hidden) return before;
  const bare = element.cloneNode(false);
  // Our own marks stand in the order in which they were set.
  for (const mark of [PERSONAL, PATH, ASIDE, "data-fp-layer"]) bare.removeAttribute(mark);
  const now = { look, style, text: `${bare.outerHTML} ${look.hash}` };
  layers.around.set(element, now);
  return now;
}

// A path in one number.
function pathLook(path) {
  const state = { a: 5, b: 6 };
  for (const { text } of path) hashInto(state, text);
  return hashNumber(state);
}

// What the personal layer is painted with beside its looks, as numbers: the markup of each element; the rules of all
// style sheets and definitions that it may refer to. null: that cannot be known, and pictures must not be told by looks.
function layerSources() {
  const roots = layers.personal.map(rootSource);
  if (roots.includes(null)) return null;
  const state = { a: 7, b: 8 };
  for (const element of document.querySelectorAll(DEFINITIONS)) {
    if (element.localName !== "script" && element.localName !== "style") hashInto(state, element.outerHTML);
  }
  for (const rule of allSheets().flatMap(rulesWithin)) {
    if (rule === null || rule.cssText.includes("blob:")) return null;
    hashInto(state, rule.cssText);
  }
  return { common: hashNumber(state), roots };
}

// `alone`: nothing in it refers to other elements.
function rootSource(place) {
  const root = elementAt(place);
  if (!root || isOpaque(root) || [...shadowRoots].some((shadow) => root.contains(shadow.host))) return null;
  const markup = root.outerHTML;
  if (markup.includes("blob:")) return null;
  const state = { a: 11, b: 12 };
  hashInto(state, markup);
  return { source: hashNumber(state), alone: !/href\s*=\s*["']?#|counter/.test(markup) };
}

// The look of everything that is not personal in one number. Ancestors of what is shown paint nothing while they
// are only a path, so their style is left out; their boxes are not. `inks`: where each personal element paints.
function restLook(styled, inks = []) {
  const state = { a: 3, b: 4 };
  const found = [];
  const blurs = new Map();
  walkRest(document.documentElement, found);
  const bare = layers.shown === "personal" ? PATH : "data-fp-none";
  for (const element of found) {
    const box = element.getBoundingClientRect();
    if (!hasBox(element, box)) continue;
    const isPath = element.hasAttribute(bare);
    const look = lookOf(element, styled && !isPath, box);
    hashInto(state, String(look.hash));
    if (!isPath) noteMet(element, look, inks, blurs);
  }
  return hashNumber(state);
}

function walkRest(element, into) {
  if (element.hasAttribute(PERSONAL)) return;
  into.push(element);
  for (const child of [...(shadowRootOf(element)?.children ?? []), ...element.children]) {
    if (!NO_LOOK.has(child.tagName)) walkRest(child, into);
  }
}

// A font that has come or gone draws texts elsewhere in the same boxes, and with other letters.
function noteFonts() {
  const fonts = fontsThere();
  if (fonts === layers.fonts) return;
  layers.fonts = fonts;
  layers.seen.fill(null);
  wipes.fill(null);
  pen.metrics.clear();
}

// The state of the layers after a seek; null: there are none.
function layerState() {
  // Nobody watches, unless `looks` is going to ask.
  if (layers.shown === "" && kept.on) return null;
  const touches = takeTargets();
  if (layers.shown === "") return null;
  markAll();
  if (!layers.watched) return null;
  refreshStyles(touches);
  noteMoment(touches);
  noteFonts();
  const personal = personalState(touches);
  // With styles: what a script does to one frame of one row must show, and boxes do not say a colour.
  const rest = restLook(true, personal.map(({ ink }) => ink));
  return { personal, rest, met: takeMet() };
}

// Elements at a point of the page, topmost first, whatever they say of pointers.
function elementsAt(x, y) {
  const everything = new CSSStyleSheet();
  everything.replaceSync("* { pointer-events: auto !important; }");
  const adopted = document.adoptedStyleSheets;
  document.adoptedStyleSheets = [...adopted, everything];
  const stack = document.elementsFromPoint(x, y);
  document.adoptedStyleSheets = adopted;
  const places = new Map(allElements());
  return stack.filter((element) => places.has(element)).map((element) => places.get(element));
}
