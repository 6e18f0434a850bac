// Where something common to all rows paints and something personal does, too. Which of them lies over the other was seen on
// the pictures of some rows, but only where they met there.

// `told`: of elements that are not personal, what was said of each that is, by index: `depth` and `area` of the rectangle
// in which the two paint. `fresh`: what nobody was told of yet.
const met = { told: new WeakMap(), fresh: [] };

// A pair is told of again when it meets in more than before: pixels, and share of the area.
const DEEPER = 1, LARGER = 1.5;

function forgetMet() {
  Object.assign(met, { told: new WeakMap(), fresh: [] });
}

// `inks`: where each personal element paints; null: nowhere. `blurs`: see `inkOf`.
function noteMet(element, look, inks, blurs) {
  for (const [index, ink] of inks.entries()) {
    if (ink === null) continue;
    // As long as it looks the same, it paints in the same place.
    if (look.paint === undefined) look.paint = inkOf(element, look, blurs);
    if (look.paint === null) return;
    const shared = intersected(look.paint, ink);
    if (isEmpty(shared)) continue;
    const [width, height] = [shared[2] - shared[0], shared[3] - shared[1]];
    const [depth, area] = [Math.ceil(Math.min(width, height)), Math.ceil(width * height)];
    const told = met.told.get(element) ?? [];
    if (told[index] && depth <= told[index].depth + DEEPER && area <= told[index].area * LARGER) continue;
    told[index] = { depth, area };
    met.told.set(element, told);
    met.fresh.push({ index, element, depth, area });
  }
}

// What has met since this was last asked: [index of the personal element, place of the other, depth, area].
function takeMet() {
  if (met.fresh.length === 0) return [];
  const places = new Map(allElements());
  const told = met.fresh.map(({ index, element, depth, area }) => [index, places.get(element), depth, area]);
  met.fresh = [];
  return told;
}

// Of pairs of places, whether the first is painted over the second where they meet, at this moment, with no layer shown.
function areOver(pairs) {
  return pairs.map(([place, other]) => isOver(place, other));
}

// As a hit test finds them at some points, or else by the order in which CSS says that they are painted.
function isOver(place, other) {
  const [over, under] = [elementAt(place), elementAt(other)];
  const view = [0, 0, document.documentElement.clientWidth, document.documentElement.clientHeight];
  const paint = inkOf(over, lookOf(over, true), new Map());
  const [left, top, right, bottom] = intersected(intersected(paint, lookInto(under, other, null).ink), view);
  for (const [x, y] of MET_POINTS) {
    const stack = elementsAt(left + (right - left) * x, top + (bottom - top) * y);
    const [first, second] = [place, other].map((of) => stack.findIndex((one) => one === of || one.startsWith(`${of}/`)));
    if (first >= 0 && second >= 0) return first < second;
  }
  return isPaintedAfter(over, under);
}

// Where in the rectangle in which two elements meet they are looked for: shares of its width and height.
const MET_POINTS = [[0.5, 0.5], [0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75], [0.5, 0.1], [0.5, 0.9], [0.1, 0.5], [0.9, 0.5]];

// As they are painted in the innermost stacking context around both: in order of z-index, and of the document.
function isPaintedAfter(over, under) {
  const [ones, others] = [stackingOf(over), stackingOf(under)];
  const at = ones.findIndex(({ element }, index) => element !== others[index]?.element);
  const [one, other] = [ones[at], others[at]];
  if (!one || !other) return one !== undefined;
  if (one.rank !== other.rank) return one.rank > other.rank;
  return (other.element.compareDocumentPosition(one.element) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
}

// The stacking contexts around an element, outermost first, then what is positioned around it in these, and the element; each
// with its rank in the context around it.
function stackingOf(element) {
  const found = [];
  for (let at = element; at; at = parentOf(at)) {
    const style = getComputedStyle(at);
    if (makesContext(style)) found.unshift({ element: at, rank: Number.parseInt(style.zIndex, 10) || 0 });
    // Of several that are positioned the innermost: they are painted in the order of the document.
    else if (found.length === 0 && style.position !== "static") found.unshift({ element: at, rank: 0 });
  }
  if (found.at(-1)?.element !== element) found.push({ element, rank: UNPOSITIONED });
  return found;
}

// Below what is positioned, and above z-indexes below 0.
const UNPOSITIONED = -0.5;

function makesContext(style) {
  return style.zIndex !== "auto" || isGroup(style) || style.transform !== "none" || style.animationName !== "none"
    || style.isolation === "isolate" || style.willChange !== "auto" || style.position === "fixed" || style.position === "sticky";
}
