// data-fit="shrink 0.6": text that becomes smaller until it fits, down to a part of its size. data-truncate, or
// data-truncate="2" (lines): text that does not fit ends in an ellipsis. What comes out depends on text, fonts and
// boxes alone, not on the order in which frames are asked for.
//
// The room is the nearest box around the text, itself included, whose width or height the author has set.

const FITTED = "[data-fit], [data-truncate]";
const TRUNCATED = "data-framepress-truncated";
const FIT_STEP = 100;

const fitted = new WeakMap();
const graphemes = globalThis.Intl?.Segmenter ? new Intl.Segmenter("en", { granularity: "grapheme" }) : null;

function isSet(element, name) {
  const value = element.computedStyleMap?.().get(name);
  return Boolean(value) && !(value instanceof CSSKeywordValue);
}

function roomFor(element) {
  for (let at = element; at && at !== document.body && at !== document.documentElement; at = at.parentElement) {
    if (getComputedStyle(at).display.startsWith("inline") && getComputedStyle(at).display !== "inline-block") continue;
    if (["width", "height", "max-width", "max-height"].some((name) => isSet(at, name))) return at;
  }
  return element.parentElement ?? element;
}

function lineCount(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const tops = [];
  for (const rect of range.getClientRects()) {
    if (rect.width < 0.5) continue;
    if (!tops.some((top) => Math.abs(top - rect.bottom) < rect.height / 2)) tops.push(rect.bottom);
  }
  return tops.length;
}

// Sizes of layout, which no transform changes: an entrance that scales the text does not count.
function fitsInto(element, room, linesMax) {
  if (room.scrollWidth > room.clientWidth || room.scrollHeight > room.clientHeight) return false;
  if (room !== element && (element.scrollWidth > Math.max(element.clientWidth, room.clientWidth)
    || element.offsetHeight > Math.max(room.clientHeight, 1))) return false;
  return linesMax === 0 || lineCount(element) <= linesMax;
}

function leastPart(element) {
  const match = /^\s*shrink(?:\s+([\d.]+))?\s*$/.exec(element.getAttribute("data-fit") ?? "");
  if (!match) return 1;
  const part = Number(match[1] ?? 0.5);
  return part > 0 && part <= 1 ? part : 1;
}

// The largest size, in hundredths of the author's, at which it fits; the least if it never does.
function shrink(element, room, linesMax, least) {
  const base = Number.parseFloat(getComputedStyle(element).fontSize);
  const set = (hundredths) => element.style.setProperty("font-size", `${base * hundredths / FIT_STEP}px`, "important");
  let low = Math.ceil(least * FIT_STEP);
  let high = FIT_STEP;
  if (least >= 1 || fitsInto(element, room, linesMax)) return true;
  set(low);
  if (!fitsInto(element, room, linesMax)) return false;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    set(middle);
    if (fitsInto(element, room, linesMax)) low = middle;
    else high = middle;
  }
  set(low);
  return true;
}

// The ellipsis has no direction of its own: a mark keeps it with the last letter, whatever is around.
function ending(kept) {
  const letters = kept.match(/\p{L}/gu);
  if (!letters) return "…";
  return /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u.test(letters.at(-1)) ? "…\u200f" : "…\u200e";
}

// Cut between characters as people see them: no half emoji, no letter without its accent.
function truncate(element, room, linesMax, text) {
  const clusters = [...graphemes.segment(text)].map(({ segment }) => segment);
  const write = (count) => {
    const kept = clusters.slice(0, count).join("").trimEnd();
    element.textContent = kept + ending(kept);
  };
  let low = 0;
  let high = clusters.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    write(middle);
    if (fitsInto(element, room, linesMax)) low = middle;
    else high = middle;
  }
  write(low);
}

// Which fonts are there, as a number: another whenever one has come or gone.
const loaded = { faces: [], number: 0 };

function fontsThere() {
  const faces = [...document.fonts].filter((face) => face.status === "loaded");
  if (faces.length !== loaded.faces.length || faces.some((face, at) => face !== loaded.faces[at])) {
    loaded.faces = faces;
    loaded.number += 1;
  }
  return loaded.number;
}

function fitOne(element, fonts) {
  if (element.getClientRects().length === 0) return;
  const before = fitted.get(element);
  const text = before && element.textContent === before.shown ? before.text : element.textContent;
  const room = roomFor(element);
  const key = [text, fonts, room.clientWidth, room.clientHeight, element.getAttribute("data-fit"), element.getAttribute("data-truncate")].join("\n");
  if (before?.key === key) return;
  if (before) element.style.removeProperty("font-size");
  if (before?.own) element.style.setProperty("font-size", before.own);
  const own = before?.own ?? element.style.getPropertyValue("font-size");
  const mayTruncate = element.hasAttribute("data-truncate") && graphemes !== null && element.childElementCount === 0;
  const linesMax = mayTruncate ? Math.max(0, Math.floor(Number(element.getAttribute("data-truncate"))) || 0) : 0;
  if (mayTruncate && element.textContent !== text) element.textContent = text;
  const fits = shrink(element, room, linesMax, leastPart(element)) && fitsInto(element, room, linesMax);
  if (mayTruncate) {
    if (!fits) truncate(element, room, linesMax, text);
    element.toggleAttribute(TRUNCATED, !fits);
  }
  fitted.set(element, { key: [text, fonts, room.clientWidth, room.clientHeight, element.getAttribute("data-fit"), element.getAttribute("data-truncate")].join("\n"), text, shown: element.textContent, own });
}

// After the page has moved and its own scripts have had their say.
function fitTexts() {
  const elements = document.querySelectorAll(FITTED);
  if (elements.length === 0) return;
  const fonts = fontsThere();
  for (const element of elements) fitOne(element, fonts);
}
