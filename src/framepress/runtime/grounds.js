// What an element paints behind text, as one number that is compared with the one of the defaults: where they differ, the
// ground is a row's own. Null: that cannot be told, only pixels can.

const REFERRED = "linearGradient, radialGradient, pattern, mask, clipPath, filter, symbol, marker";
const PAINTED = [
  "background-color", "background-image", "background-position", "background-size", "background-repeat", "border-image-source",
  "border-top-color", "border-left-color", "box-shadow", "filter", "backdrop-filter", "mask-image", "clip-path", "mix-blend-mode",
];
const PAINTED_SHAPE = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "d"];

// Pixels of a canvas that are looked at, per side.
const SAMPLED = 64;
const sampler = { context: null };

// A canvas whose pixels cannot be read, or are not there any more, as those of WebGL, tells nothing.
function pixelsInto(state, canvas) {
  if (!sampler.context) {
    const scratch = document.createElement("canvas");
    scratch.width = scratch.height = SAMPLED;
    sampler.context = scratch.getContext("2d", { willReadFrequently: true });
  }
  const { context } = sampler;
  context.clearRect(0, 0, SAMPLED, SAMPLED);
  try {
    context.drawImage(canvas, 0, 0, SAMPLED, SAMPLED);
    const words = new Uint32Array(context.getImageData(0, 0, SAMPLED, SAMPLED).data.buffer);
    if (words.every((word) => word === 0)) return false;
    hashInto(state, words.join());
  } catch {
    return false;
  }
  return true;
}

// What shapes refer to: it may lie anywhere in the document and has no box.
function definitionsNumber() {
  const state = { a: 0x811c9dc5, b: 0x9e3779b9 };
  for (const element of document.querySelectorAll(REFERRED)) {
    hashInto(state, element.outerHTML);
    for (const stop of element.querySelectorAll("stop")) {
      const style = getComputedStyle(stop);
      hashInto(state, `${style.stopColor} ${style.stopOpacity}`);
    }
  }
  return hashNumber(state);
}

// `definitions`: see `definitionsNumber`.
function groundNumber(element, style, definitions) {
  if (/^(?:IFRAME|OBJECT|EMBED|VIDEO)$/.test(element.tagName)) return null;
  const state = { a: 0x811c9dc5, b: 0x9e3779b9 };
  if (element.tagName === "CANVAS" && element.width > 0 && element.height > 0 && !pixelsInto(state, element)) return null;
  if (element.tagName === "IMG") hashInto(state, `${element.currentSrc || element.src} ${style.objectFit} ${style.objectPosition}`);
  if (isShape(element)) {
    hashInto(state, String(definitions));
    attributesInto(state, element);
    for (const name of PAINTED_SHAPE) hashInto(state, style.getPropertyValue(name));
  }
  for (const name of PAINTED) hashInto(state, style.getPropertyValue(name));
  for (const pseudo of PSEUDO) {
    const part = getComputedStyle(element, pseudo);
    if (/^(?:none|normal)$/.test(part.content)) continue;
    hashInto(state, `${part.content}${part.width}${part.height}${part.inset}${part.opacity}`);
    for (const name of PAINTED) hashInto(state, part.getPropertyValue(name));
  }
  hashInto(state, opacityOf(element).toFixed(3));
  return hashNumber(state);
}
