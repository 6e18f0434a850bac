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

// Room for marks of emphasis above or below a line.
const MARKS_EM = 0.6;

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

// Whether letters alone decide how high and low the text of an element paints, and a canvas draws the same letters.
function isJustLetters(element, style) {
  const usual = [style.fontVariantCaps, style.fontVariantPosition, style.fontFeatureSettings, style.fontVariationSettings];
  if (usual.some((value) => value !== "normal") || style.fontStretch !== "100%") return false;
  if (style.fontVariantNumeric.includes("oldstyle")) return false;
  for (let at = element; at; at = at.parentElement) {
    // A line under the text around is drawn under this one as well.
    if (getComputedStyle(at).textDecorationLine !== "none") return false;
  }
  return true;
}

const pen = { context: null, metrics: new Map(), colours: new Map() };

function penContext() {
  if (!pen.context) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 1;
    pen.context = canvas.getContext("2d", { willReadFrequently: true });
  }
  return pen.context;
}

// How far the ink of a text reaches above and below its baseline, and how far its font does, at the text's size. ("font" of a
// style is empty where one of its parts has a value that it cannot say, as tabular figures.)
function inkOfText(text, style) {
  const font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const key = `${font}\n${text}`;
  let found = pen.metrics.get(key);
  if (!found) {
    const context = penContext();
    context.font = font;
    const metrics = context.measureText(text);
    found = {
      above: metrics.actualBoundingBoxAscent, below: metrics.actualBoundingBoxDescent,
      fontAbove: metrics.fontBoundingBoxAscent, fontBelow: metrics.fontBoundingBoxDescent,
    };
    pen.metrics.set(key, found);
  }
  return found;
}

// Metrics of lines are whole pixels, one rounded up and one down.
const LINE_ROUNDING = 1.01;

// Rectangles of the pieces of an element's own text, without those of elements in it. `blanks`: of spaces too.
function textRects(element, blanks = true) {
  const rects = [];
  const range = document.createRange();
  for (const node of element.childNodes) {
    if (node.nodeType !== 3 || (!blanks && node.data.trim() === "")) continue;
    range.selectNodeContents(node);
    rects.push(...range.getClientRects());
  }
  return rects;
}

// How much less than its lines and their reach a text paints at the top and at the bottom, in pixels, if the lines are as
// its font says: the same for both, for something around it may have turned it over.
function spareOf(text, style, lines) {
  // Upper case is as high as anything that a transform could make of it.
  const drawn = style.textTransform === "none" ? text : `${text}${text.toUpperCase()}`;
  const { above, below, fontAbove, fontBelow } = inkOfText(drawn, style);
  if (lines.some(({ height }) => Math.abs(height - fontAbove - fontBelow) > LINE_ROUNDING)) return 0;
  return Math.min(fontAbove - above, fontBelow - below) + glyphReach(style) - 2;
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
    justLetters: isJustLetters(element, style),
    textEdge: glyphReach(style) + (style.textEmphasisStyle === "none" ? 0 : MARKS_EM * fontSize)
      + sum(lengthsIn(style.webkitTextStrokeWidth)) + 1,
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
  look.drawn = drawnAs(element, box);
  const { scale, softness } = look.drawn;
  const grown = (edges, shadow, edge) => grownBy(edges, shadow.map((far) => far * scale), edge * scale + softness);
  let ink = null;
  if (reach.paints) {
    ink = grown([box.left, box.top, box.right, box.bottom], reach.shadow, reach.edge);
    ink = [ink[0] - reach.marker * scale, ink[1], ink[2] + reach.marker * scale, ink[3]];
  }
  if (text !== "") {
    const lines = textRects(element).filter(({ width }) => width > 0);
    if (lines.length > 0) {
      const edges = lines.map(({ left, top, right, bottom }) => [left, top, right, bottom]).reduce(joined);
      const painted = grown(edges, reach.textShadow, reach.textEdge);
      const spare = reach.justLetters ? spareOf(text, style, lines) : 0;
      ink = joined(ink, [painted[0], painted[1] + spare, painted[2], painted[3] - spare]);
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

// The list of boxes takes four times as long as the one around them.
function hasBox(element, box = element.getBoundingClientRect()) {
  return box.width > 0 || box.height > 0 || element.getClientRects().length > 0;
}
