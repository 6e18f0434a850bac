// What a personal element is a shifted, faded copy of: a text that rises looks at each frame like the text at rest, some
// pixels lower and paler. Told are a number for how it looks but for that, where it is, and its opacity.

// "10px", "10px 20px", "none"; null: a share of its size, or a third length.
function pairOf(translate) {
  const lengths = translate === "none" ? [] : wordsOf(translate).map((word) => pixelsOf(word, Number.NaN));
  const [x = 0, y = 0] = lengths;
  return lengths.length > 2 || lengths.some(Number.isNaN) ? null : [x, y];
}

// How far an element that is neither turned nor scaled is shifted by its own style, in CSS pixels; null: it is more than that.
function shiftOf(style) {
  const pair = isShifted(style) ? pairOf(style.translate) : null;
  if (!pair || style.transform === "none") return pair;
  const numbers = style.transform.slice("matrix(".length, -1).split(",").map(Number);
  return [pair[0] + numbers[4], pair[1] + numbers[5]];
}

// Boxes are in 64ths of a pixel; what is added to them and taken off again leaves dust.
function steady(length) {
  return Math.round(length * 64);
}

const NOTHING = [0, 0, -1, -1];

// What an element leaves of what is in it; null: all.
function leavesOf(element, style) {
  if (style.clipPath !== "none" || style.maskImage !== "none") return NOTHING;
  if (style.overflowX === "visible" && style.overflowY === "visible" && style.contain === "none") return null;
  const box = element.getBoundingClientRect();
  return [box.left, box.top, box.right, box.bottom];
}

// What elements around a root leave of it, in the same form as ink; null: nothing. `clips`: of those that were looked at.
function clipAround(element, clips) {
  if (!element) return null;
  if (!clips.has(element)) {
    const style = getComputedStyle(element);
    const own = leavesOf(element, style);
    const around = clipAround(element.parentElement, clips);
    clips.set(element, own && around ? intersected(own, around) : own ?? around);
  }
  return clips.get(element);
}

function isInside(ink, clip) {
  return !clip || (ink[0] >= clip[0] && ink[1] >= clip[1] && ink[2] <= clip[2] && ink[3] <= clip[3]);
}

// Of a root: `look`, how it and all in it look but for the root's own shift and opacity; `x`, `y`, the shift in CSS pixels;
// `opacity`. null: it is cut off, scaled or turned, or more of it may change than can be told. `seen`: as `lookInto`
// gives it. `clips`: what is known of elements around it in this frame. Where those are turned or scaled, a shift moves
// the box by something else than it says, and no two looks are alike.
function stillOf(root, seen, clips) {
  const { own, looks } = seen;
  if (!own?.known || !seen.ink || !hasPlainBox(root)) return null;
  const shift = shiftOf(own.style);
  if (!shift || own.style.position === "sticky" || !isInside(seen.ink, clipAround(root.parentElement, clips))) return null;
  const [x, y] = shift;
  const state = { a: 15, b: 16 };
  hashInto(state, `${own.known.still.hash} ${own.style.clipPath}`);
  for (const look of looks) {
    const { box, known, content } = look;
    hashInto(state, `${content} ${steady(box.x - x)} ${steady(box.y - y)} ${steady(box.width)} ${steady(box.height)}`);
    if (look !== own) hashInto(state, String(known?.hash));
  }
  return { look: hashNumber(state), x, y, opacity: Number(own.style.opacity) };
}
