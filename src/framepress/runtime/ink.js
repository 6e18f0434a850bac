// Where elements paint: boxes and lines of text, and how far shadows, strokes, filters and slanted letters reach beyond.

const LENGTH = /-?[\d.]+(?=px)/g;
// A computed colour that shows nothing; "rgb(255, 204, 0)" does show.
const CLEAR = /^rgba\(.*, 0\)$|^transparent$|\/ 0\)$/;

function lengthsIn(text) {
  return (text.match(LENGTH) ?? []).map(Number);
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + Math.abs(number), 0);
}

// Chromium blurs with a standard deviation of half the radius: where the radius ends, 6 of 255 are left of a shadow; a
// quarter further, 2, which count as none (`EDGE_ALPHA_MAX` in composite.py).
const SHADOW_REACH = 1.25;

// How far shadows reach on each side: left, top, right, bottom. A computed shadow is "colour x y blur spread".
function shadowReach(text) {
  const reach = [0, 0, 0, 0];
  if (text === "none") return reach;
  for (const shadow of text.split(/,(?![^(]*\))/)) {
    if (shadow.includes("inset")) continue;
    const [x = 0, y = 0, blur = 0, spread = 0] = lengthsIn(shadow.replace(/\([^)]*\)/g, ""));
    const far = SHADOW_REACH * blur + spread;
    [far - x, far - y, far + x, far + y].forEach((distance, side) => { reach[side] = Math.max(reach[side], distance); });
  }
  return reach;
}

// Room for a marker beside a list item. What is wider shows on the edge of what is captured, and is noticed there.
const MARKER_EM = 5;

function hasMarker(style) {
  return style.listStyleType !== "none" || style.listStyleImage !== "none";
}

function paintsBox(element, style) {
  return PICTURES.test(element.tagName) || isShape(element) || style.display === "list-item"
    || style.backgroundImage !== "none" || !CLEAR.test(style.backgroundColor)
    || style.boxShadow !== "none" || style.outlineStyle !== "none" || style.borderImageSource !== "none"
    || SIDES.some((side) => style.getPropertyValue(`border-${side}-width`) !== "0px")
    || PSEUDO.some((pseudo) => !/^(?:none|normal)$/.test(getComputedStyle(element, pseudo).content));
}

// How far glyphs reach beyond their line: swashes a little, slanted ones more; the line ends before a letter does where
// letters are drawn closer together.
function glyphReach(style) {
  const slant = style.fontStyle === "normal" ? 0.1 : 0.35;
  return slant * Number.parseFloat(style.fontSize) + Math.max(0, -(Number.parseFloat(style.letterSpacing) || 0));
}

function blurOf(style) {
  return style.filter === "none" ? 0 : 3 * sum(lengthsIn(style.filter));
}

// How far beyond its box, and beyond its lines of text, an element may paint, as far as its style says.
function inkOfStyle(element, style) {
  const shape = isShape(element) && style.stroke !== "none";
  const outlined = style.outlineStyle !== "none";
  const beside = style.display === "list-item" && style.listStylePosition === "outside" && hasMarker(style);
  const fontSize = Number.parseFloat(style.fontSize);
  return {
    paints: paintsBox(element, style),
    shadow: shadowReach(style.boxShadow),
    edge: (shape ? sum(lengthsIn(style.strokeWidth)) : 0)
      + (outlined ? sum(lengthsIn(`${style.outlineWidth} ${style.outlineOffset}`)) : 0) + 1,
    // A marker stands beside its item, on either side, and does not say how wide it is.
    marker: beside ? MARKER_EM * fontSize : 0,
    textShadow: shadowReach(style.textShadow),
    textEdge: glyphReach(style) + sum(lengthsIn(style.webkitTextStrokeWidth)) + 1,
    blur: blurOf(style),
  };
}

// Sizes as laid out are whole pixels.
const ROUNDING = 0.51;

// How much larger than it is laid out an element is drawn, at least 1; and how wide its edges are: of what is not drawn as
// laid out, Chromium may enlarge pixels that it has. Both sides are taken together, for what lies on its side has not
// changed its size.
function drawnAs(element, box) {
  const { offsetWidth: width, offsetHeight: height } = element;
  const isAsLaidOut = Math.abs(box.width - width) <= ROUNDING && Math.abs(box.height - height) <= ROUNDING;
  if (!width || !height || isAsLaidOut) return { scale: 1, softness: 0 };
  const scale = Math.max(1, (box.width + box.height) / (width + height));
  return { scale, softness: scale };
}

// What filters of an element and around it spread its paint by. `blurs`: of elements that were looked at already, those
// around before those inside.
function blurAround(element, own, blurs) {
  let around = 0;
  for (let at = parentOf(element); at; at = parentOf(at)) {
    if (blurs.has(at)) {
      around = blurs.get(at);
      break;
    }
  }
  blurs.set(element, around + own);
  return around + own;
}

function parentOf(element) {
  return element.parentElement ?? element.getRootNode().host ?? null;
}

// Where an element itself may paint, [left, top, right, bottom] in CSS pixels of the page; null: nowhere. Text
// paints where its lines are, whose height is that of the font, and a little beyond.
function inkOf(element, look, blurs) {
  const { box, text, known, style } = look;
  if (look.hidden) {
    // What is in it may show all the same.
    blurAround(element, blurOf(style), blurs);
    return null;
  }
  const reach = known?.ink ?? inkOfStyle(element, style);
  if (known) known.ink = reach;
  const { scale, softness } = drawnAs(element, box);
  const grown = (edges, shadow, edge) => grownBy(edges, shadow.map((far) => far * scale), edge * scale + softness);
  let ink = null;
  if (reach.paints) {
    ink = grown([box.left, box.top, box.right, box.bottom], reach.shadow, reach.edge);
    ink = [ink[0] - reach.marker * scale, ink[1], ink[2] + reach.marker * scale, ink[3]];
  }
  if (text !== "") {
    const range = document.createRange();
    range.selectNodeContents(element);
    const lines = range.getBoundingClientRect();
    if (lines.width > 0) {
      ink = joined(ink, grown([lines.left, lines.top, lines.right, lines.bottom], reach.textShadow, reach.textEdge));
    }
  }
  const blur = blurAround(element, reach.blur * scale, blurs);
  return ink && blur > 0 ? grownBy(ink, NO_REACH, blur) : ink;
}

// ---- rectangles ---------------------------------------------------------------------------------

const NO_REACH = [0, 0, 0, 0];

function grownBy(ink, reach, margin) {
  return [ink[0] - reach[0] - margin, ink[1] - reach[1] - margin, ink[2] + reach[2] + margin, ink[3] + reach[3] + margin];
}

function joined(one, other) {
  if (!one || !other) return one ?? other;
  return [Math.min(one[0], other[0]), Math.min(one[1], other[1]), Math.max(one[2], other[2]), Math.max(one[3], other[3])];
}

// `one`: null, if nothing is cut off. Where both have nothing in common an edge is beyond the one across from it.
function intersected(one, other) {
  if (!one) return other;
  return [Math.max(one[0], other[0]), Math.max(one[1], other[1]), Math.min(one[2], other[2]), Math.min(one[3], other[3])];
}

function isEmpty(box) {
  return box[0] >= box[2] || box[1] >= box[3];
}

function hasBox(element) {
  return element.getClientRects().length > 0;
}
