// Where an element looks different because its `clip-path: inset()` has moved, and nothing else: a bar that fills, a
// line that draws itself, a picture that is wiped in. That is a strip at the edge, not the whole element.

// ---- lengths ------------------------------------------------------------------------------------

// Numbers and percentages of `size` (which stand for pixels), operators, functions, commas; a computed length has no
// other unit but px.
const LENGTH_TOKEN = /\s*(?:([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(px|%)?(?![\w%])|(calc|min|max|clamp)?(\()|([-+*/),]))/y;
const MATHS = {
  calc: (value) => value,
  min: Math.min,
  max: Math.max,
  clamp: (low, value, high) => Math.max(low, Math.min(value, high)),
};

// What a computed length is in pixels; NaN: it has something in it that is not known here.
function pixelsOf(text, size) {
  const tokens = lengthTokens(text, size);
  if (tokens === null) return Number.NaN;
  const value = sumIn(tokens);
  return tokens.length === 0 ? value : Number.NaN;
}

function lengthTokens(text, size) {
  const tokens = [];
  LENGTH_TOKEN.lastIndex = 0;
  while (LENGTH_TOKEN.lastIndex < text.length) {
    const found = LENGTH_TOKEN.exec(text);
    if (!found) return null;
    const [, number, unit, name = "calc", open, sign] = found;
    if (number !== undefined) tokens.push(unit === "%" ? (Number(number) * size) / 100 : Number(number));
    else tokens.push(open ? MATHS[name] : sign);
  }
  return tokens;
}

function sumIn(tokens) {
  let value = productIn(tokens);
  while (tokens[0] === "+" || tokens[0] === "-") value += (tokens.shift() === "+" ? 1 : -1) * productIn(tokens);
  return value;
}

function productIn(tokens) {
  let value = factorIn(tokens);
  while (tokens[0] === "*" || tokens[0] === "/") value = tokens.shift() === "*" ? value * factorIn(tokens) : value / factorIn(tokens);
  return value;
}

function factorIn(tokens) {
  const token = tokens.shift();
  if (typeof token === "number") return token;
  if (typeof token !== "function") return Number.NaN;
  const parts = [sumIn(tokens)];
  while (tokens[0] === ",") {
    tokens.shift();
    parts.push(sumIn(tokens));
  }
  return tokens.shift() === ")" ? token(...parts) : Number.NaN;
}

// ---- insets -------------------------------------------------------------------------------------

// What stands between spaces that are in no parentheses.
function wordsOf(text) {
  const words = [""];
  let depth = 0;
  for (const letter of text) {
    if (letter === "(") depth += 1;
    if (letter === ")") depth -= 1;
    if (letter === " " && depth === 0) words.push("");
    else words[words.length - 1] += letter;
  }
  return words;
}

// What an inset leaves of a box that is not turned or scaled: { edges: [left, top, right, bottom] in CSS pixels of the
// page, radius }; null: it is no inset, or one that is not known here.
function insetOf(clipPath, box) {
  const [, whole] = /^inset\((.*)\)$/.exec(clipPath) ?? [];
  if (whole === undefined) return null;
  const [sides, corners = "0px"] = whole.split(" round ");
  const parts = wordsOf(sides);
  const [top, right = top, bottom = top, left = right] = parts;
  const edges = [
    box.left + pixelsOf(left, box.width), box.top + pixelsOf(top, box.height),
    box.right - pixelsOf(right, box.width), box.bottom - pixelsOf(bottom, box.height),
  ];
  const radius = /^[\d.px ]+$/.test(corners) ? Math.max(...corners.split(" ").map(Number.parseFloat)) : Number.NaN;
  // Corners that do not fit are drawn smaller, all of them.
  const room = Math.min(edges[2] - edges[0], edges[3] - edges[1]);
  return 2 * radius <= room + 0.01 && edges.every(Number.isFinite) ? { edges, radius, corners } : null;
}

// Where two insets of a box differ, if only their left and right, or only their top and bottom edges do; else null.
function stripBetween(before, now) {
  if (before.corners !== now.corners) return null;
  const moved = now.edges.map((edge, side) => edge !== before.edges[side]);
  const across = moved[0] || moved[2];
  if (across === (moved[1] || moved[3])) return null;
  const strip = joined(before.edges, now.edges);
  const [first, last] = across ? [0, 2] : [1, 3];
  if (!moved[first]) strip[first] = Math.min(before.edges[last], now.edges[last]) - now.radius;
  if (!moved[last]) strip[last] = Math.max(before.edges[first], now.edges[first]) + now.radius;
  return grownBy(strip, NO_REACH, 1);
}

// ---- elements -----------------------------------------------------------------------------------

// Whether an element and those around it are at most shifted. `upright`: those that were looked at already.
function isUpright(element, upright) {
  for (let at = element; at; at = at.parentElement) {
    if (!upright.has(at)) upright.set(at, isShifted(getComputedStyle(at)));
    if (!upright.get(at)) return false;
  }
  return true;
}

function isShifted(style) {
  return /^(?:none|matrix\(1, 0, 0, 1, .*)$/.test(style.transform) && style.rotate === "none" && style.scale === "none"
    && style.perspective === "none" && style.zoom === "1" && style.offsetPath === "none";
}

// Whether insets count from the one box of an element: of shapes they count from their strokes, of lines of text from each
// of them; and what is in the top layer is clipped by nothing around it.
function hasPlainBox(element) {
  return !isShape(element) && element.getClientRects().length === 1
    && !element.querySelector(":popover-open, :modal, :fullscreen");
}

// Of each root at the frame before: what its inset left of it, and how it looked but for that; null: it had none.
const wipes = [];

// Of a root: `left`, what its inset leaves of it, or null; `strip`, where it looks different from the frame before if
// that is less than all of it, or null. Both are where something may be painted, in CSS pixels of the page.
// `seen`: as `lookInto` gives it. `moved`: no more of it was touched than `MOVES`.
function wipeOf(index, root, seen, moved, upright) {
  const before = wipes[index];
  const { own } = seen;
  const isClipped = own.known && own.style.clipPath !== "none" && hasPlainBox(root) && isUpright(root, upright);
  const inset = isClipped ? insetOf(own.style.clipPath, own.box) : null;
  wipes[index] = inset && { inset, unclipped: unclippedLook(seen) };
  if (!inset) return { left: null, strip: null };
  const isWiped = moved && before?.unclipped === wipes[index].unclipped;
  return { left: grownBy(inset.edges, NO_REACH, 1), strip: isWiped ? stripBetween(before.inset, inset) : null };
}

// How a root and all in it look, but for its own `clip-path`.
function unclippedLook({ own, looks }) {
  return [own.unstyled, own.known.unclipped, ...looks.slice(1).map((look) => look.hash)].join(" ");
}
