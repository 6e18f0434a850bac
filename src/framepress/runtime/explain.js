// What an author wants to know of the elements of a page: where they are seen, and which of their properties
// make everything in them one picture.

// Properties that paint an element's contents as a whole, by the names that an author writes; as in `isGroup`.
const GROUP_PROPERTIES = [
  ["opacity", "1"], ["filter", "none"], ["mask-image", "none"], ["clip-path", "none"], ["mix-blend-mode", "normal"],
  ["backdrop-filter", "none"], ["transform-style", "flat"], ["perspective", "none"], ["-webkit-box-reflect", "none"],
];

function effectsOf(style) {
  const found = GROUP_PROPERTIES
    .filter(([name, plain]) => style.getPropertyValue(name) !== "" && style.getPropertyValue(name) !== plain)
    .map(([name]) => name);
  if (style.backgroundClip.includes("text")) found.push("background-clip: text");
  return found;
}

// Whether an element, or one around it, is so transparent that nothing of it is seen.
function isClear(element) {
  for (let up = element; up; up = up.parentElement ?? up.getRootNode().host) {
    if (Number(getComputedStyle(up).opacity) === 0) return true;
  }
  return false;
}

function seenInk(root, place) {
  const found = [];
  walkElements(root, place, found);
  const blurs = new Map();
  let ink = null;
  for (const [element] of found) {
    if (!hasBox(element) || isClear(element)) continue;
    const look = lookOf(element, true);
    // Scaled to nothing.
    if (look.box.width === 0 && look.box.height === 0) continue;
    ink = joined(ink, inkOf(element, look, blurs));
  }
  return ink;
}

// For each place: where it and all inside it are seen now, [left, top, right, bottom] in CSS pixels; null: nowhere.
function seenAt(places) {
  noteFonts();
  return places.map((place) => {
    const root = elementAt(place);
    return root && hasBox(root) ? seenInk(root, place) : null;
  });
}

// For each place: the effects it has now, as names of properties.
function effectsAt(places) {
  return places.map((place) => {
    const element = elementAt(place);
    return element ? effectsOf(getComputedStyle(element)) : [];
  });
}
