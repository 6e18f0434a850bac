// How every element looks at this moment, as numbers that can be compared between rows: its own text, its box,
// its style as computed. Two rows whose numbers agree at an element agree in its picture, but for what only
// pixels know (a canvas, a video, a frame).
//
// An element is named by its place: "0/2/1" is the second child of the third child of the root element.

const NO_LOOK = new Set(["HEAD", "SCRIPT", "STYLE", "TEMPLATE", "META", "LINK", "TITLE", "BASE", "NOSCRIPT", "AUDIO", "SOURCE", "TRACK", "PARAM", "BR", "WBR"]);

// Attributes that show in a picture, if at all, through style, text or box, which are looked at themselves.
const QUIET_ATTRIBUTE = /^(?:style|class|id|title|alt|lang|dir|name|role|type|loading|decoding|fetchpriority|crossorigin|tabindex|(?:data|aria)-.*|on.*)$/;

// ---- the elements -------------------------------------------------------------------------------

// Every element that may have a picture, with its place, in document order; open and closed shadow trees too.
function walkElements(root, place, into) {
  into.push([root, place]);
  const shadow = shadowRootOf(root);
  if (shadow) walkChildren(shadow, `${place}/s`, into);
  walkChildren(root, place, into);
}

function walkChildren(parent, place, into) {
  let index = 0;
  for (const child of parent.children) {
    if (!NO_LOOK.has(child.tagName)) walkElements(child, `${place}/${index}`, into);
    index += 1;
  }
}

function shadowRootOf(element) {
  if (element.shadowRoot) return element.shadowRoot;
  for (const root of shadowRoots) if (root.host === element) return root;
  return null;
}

function elementAt(place) {
  let at = document.documentElement;
  for (const step of place.split("/").slice(1)) {
    at = step === "s" ? shadowRootOf(at) : at?.children[Number(step)];
    if (!at) return null;
  }
  return at;
}

function allElements() {
  const found = [];
  walkElements(document.documentElement, "0", found);
  return found;
}

// ---- one element --------------------------------------------------------------------------------

function ownText(element) {
  let text = "";
  for (const node of element.childNodes) if (node.nodeType === 3) text += node.data;
  return text.trim() === "" ? "" : text;
}

// Of a video that is out of sight the poster is that of an earlier frame.
function attributesInto(state, element) {
  const frame = videos.asked.get(element);
  for (const { name, value } of element.attributes) {
    if (!QUIET_ATTRIBUTE.test(name)) hashInto(state, `${name}=${name === "poster" && frame ? frame : value}`);
  }
}

// The text of an element, and hashes that go on: after its tag, and after its tag, text and attributes. What nothing
// touched is not read again.
function markupOf(element) {
  const known = kept.can ? kept.markup.get(element) : undefined;
  if (known) return known;
  const text = ownText(element);
  const tag = { a: 0x811c9dc5, b: 0x9e3779b9 };
  hashInto(tag, element.tagName);
  const written = { ...tag };
  if (text !== "") hashInto(written, text);
  attributesInto(written, element);
  const markup = { text, tag, written };
  if (kept.can) kept.markup.set(element, markup);
  return markup;
}

// What an element shows that neither its markup nor its style says. A canvas is compared by its pixels, where it lets itself be
// read.
function contentOf(element) {
  const content = [];
  if (element.tagName === "IMG") content.push(`${element.naturalWidth}x${element.naturalHeight}`);
  if (element.tagName === "CANVAS") {
    try {
      content.push(element.toDataURL());
    } catch {
      content.push("sealed");
    }
  }
  if (typeof element.value === "string") content.push(element.value);
  return content;
}

// The box and the text of an element, relative to the page. The style is looked at only if `styled`: it takes most of the
// time. Of an element that looks as it did when this was last asked, what was given then.
function lookOf(element, styled, box = element.getBoundingClientRect()) {
  const markup = markupOf(element);
  const style = getComputedStyle(element);
  const hidden = style.visibility !== "visible";
  const last = kept.can ? kept.looks[Number(styled)].get(element) : undefined;
  const same = last && last.markup === markup && last.hidden === hidden && isSameBox(last.box, box);
  const boxText = same ? last.boxText : `${box.x},${box.y},${box.width},${box.height}`;
  const known = styled && !hidden ? styleOf(element, style, boxText, markup.text !== "") : null;
  if (same && last.known === known && last.styleHash === known?.hash) return last;
  const look = freshLook(element, { box, boxText, style, hidden, markup, known });
  if (kept.can && look.steady) kept.looks[Number(styled)].set(element, look);
  return look;
}

function freshLook(element, { box, boxText, style, hidden, markup, known }) {
  const { text, tag, written } = markup;
  const state = { ...(hidden ? tag : written) };
  const more = hidden ? ["hidden"] : contentOf(element);
  for (const one of more) hashInto(state, one);
  const content = hashNumber(state);
  hashInto(state, boxText);
  const unstyled = hashNumber(state);
  if (known) hashInto(state, String(known.hash));
  const steady = hidden || more.length === 0;
  return { hash: hashNumber(state), content, unstyled, box, boxText, style, text, hidden, steady, markup, known, styleHash: known?.hash };
}

function isSameBox(one, other) {
  return one.x === other.x && one.y === other.y && one.width === other.width && one.height === other.height;
}

// Ancestors with one of these paint what is in them as a whole: two halves of it do not add up.
function isGroup(style) {
  return style.opacity !== "1" || style.filter !== "none" || style.maskImage !== "none" || style.clipPath !== "none"
    || style.mixBlendMode !== "normal" || style.backdropFilter !== "none" || style.backgroundClip.includes("text")
    || style.transformStyle === "preserve-3d" || style.perspective !== "none" || style.webkitBoxReflect !== "none";
}

// Mixes with what is behind it, so it cannot be drawn without that.
function mixes(style) {
  return style.mixBlendMode !== "normal" || style.backdropFilter !== "none";
}

// ---- all of them, for the survey ----------------------------------------------------------------

// One list per kind of fact, all of one length: an element is where it is in `places`.
function looks() {
  if (!kept.on) keepStyles(true);
  refreshStyles(takeTargets());
  noteFonts();
  const places = [];
  const hashes = [];
  const ink = [];
  const marks = [];
  const blurs = new Map();
  for (const [element, place] of allElements()) {
    const box = element.getBoundingClientRect();
    const boxed = hasBox(element, box);
    const contents = !boxed && getComputedStyle(element).display === "contents";
    if (!boxed && !contents) continue;
    const look = lookOf(element, true, box);
    places.push(place);
    hashes.push(look.hash);
    ink.push(boxed ? inkOf(element, look, blurs) : null);
    marks.push((isGroup(look.style) ? 1 : 0) | (mixes(look.style) ? 2 : 0) | (look.text !== "" ? 4 : 0)
      | (/^(?:inline|contents|ruby)/.test(look.style.display) && !look.style.display.startsWith("inline-") ? 8 : 0)
      | (element.matches(OPAQUE) ? 16 : 0) | (isShape(element) && element.tagName !== "svg" ? 32 : 0));
  }
  return { places, hashes, ink, marks };
}

// What people call the elements at these places: tag, id and class as the author wrote them.
function namesAt(places) {
  return places.map((place) => {
    const element = elementAt(place);
    if (!element) return place;
    const id = element.id ? `#${element.id}` : "";
    const classes = [...element.classList].map((name) => `.${name}`).join("");
    return `<${element.tagName.toLowerCase()}>${id || classes ? ` ${id}${classes}` : ""}`;
  });
}
