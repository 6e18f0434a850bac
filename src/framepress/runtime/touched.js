// Whether anything may look different from the frame before, judged from inside the page.
//
// The compositor says so too ("damage"), but not reliably: on a loaded machine one BeginFrame in some
// hundreds reports no damage, even twice in a row, for a page that has changed. So a frame is taken for
// unchanged only if both agree. What cannot be seen from here (pixels of a canvas, rules edited in place) is
// left to the compositor, or, where such things exist, every frame counts as touched.

//
// What was touched is remembered too, for layers (`layers.js`): `targets` holds the elements, `changed` those of
// them of which more was touched than `MOVES`, `styled` those of which more was than texts; `all` is true if something was
// touched that belongs to no element.

const touched = {
  now: true, all: true, wide: false, targets: new Set(), changed: new Set(), styled: new Set(), observer: null,
};

// Properties that animations change most, and of which an element's contents get nothing of their own style.
const MOVES = ["opacity", "transform", "translate", "rotate", "scale", "clip-path"];

// `wide`: elements that are neither `target` nor in it may be styled otherwise now.
function touch(target, wide = false) {
  write(target);
  touched.wide ||= wide;
  if (target) touched.styled.add(target);
}

// No more of an element was touched than texts in it.
function write(target) {
  move(target);
  if (target) touched.changed.add(target);
}

// No more of an element was touched than `MOVES`.
function move(target) {
  touched.now = true;
  if (target) touched.targets.add(target);
  else touched.all = true;
}

// Marks of ours that say what belongs to which layer; they change nothing that an author could see.
const LAYER_MARK = "data-fp-";

// Surfaces whose pixels change without a trace in the document.
const OPAQUE = "canvas, iframe, object, embed, video";

function isReal(record) {
  if (record.type === "attributes") {
    if (record.attributeName.startsWith(LAYER_MARK)) return false;
    return record.target.getAttributeNS(record.attributeNamespace, record.attributeName) !== record.oldValue;
  }
  if (record.type === "characterData") return record.target.data !== record.oldValue;
  // A script that writes the same text again replaces a text node by its twin.
  const { addedNodes, removedNodes } = record;
  return !(addedNodes.length === 1 && removedNodes.length === 1
    && addedNodes[0].nodeType === 3 && removedNodes[0].nodeType === 3
    && addedNodes[0].data === removedNodes[0].data);
}

function watchTouches() {
  touched.observer = new MutationObserver(noteMutations);
  observe(document);
  for (const name of ["insertRule", "deleteRule", "replaceSync", "replace"]) touchedBy(CSSStyleSheet.prototype, name);
  document.addEventListener("scroll", () => touch(), true);
}

// A function that changes something which belongs to no element.
function touchedBy(owner, name) {
  const original = owner[name];
  replace(owner, name, function changed(...parts) {
    touch();
    return original.apply(this, parts);
  });
}

function noteMutations(records) {
  for (const record of records) {
    if (!isReal(record)) continue;
    if (isMove(record)) move(record.target);
    else if (isText(record)) write(elementOf(record.target));
    else touch(elementOf(record.target), record.attributeName !== "style");
  }
}

const MOVES_DECLARATION = new RegExp(`(?:^|;)\\s*(?:${MOVES.join("|")})\\s*:[^;]*`, "g");

// Whether a script has written no more of an element's own style than `MOVES`.
function isMove(record) {
  if (record.attributeName !== "style") return false;
  const now = record.target.getAttribute("style") ?? "";
  const [after, before] = [now, record.oldValue ?? ""].map((text) => text.replace(MOVES_DECLARATION, "").replace(/[;\s]+$/, ""));
  return after === before && !UNSTEADY.test(now);
}

// Whether only texts have changed. They and an element's own styles are told from all else because they are what scripts
// change in every frame, and rules seldom ask for them; see `styles.js`.
function isText(record) {
  return record.type === "characterData"
    || (record.type === "childList" && [...record.addedNodes, ...record.removedNodes].every((node) => node.nodeType === 3));
}

// The element that a change of a node shows in; null: the document itself.
function elementOf(node) {
  if (node.nodeType === 1) return node;
  return node.parentElement ?? node.host ?? null;
}

function observe(root) {
  touched.observer.observe(root, {
    subtree: true, childList: true, attributes: true, characterData: true,
    attributeOldValue: true, characterDataOldValue: true,
  });
}

// Whether anything was touched since the last call; at the end of each seek.
function takeTouched() {
  noteMutations(touched.observer.takeRecords());
  for (const element of document.querySelectorAll(OPAQUE)) touch(element);
  const { now } = touched;
  touched.now = false;
  return now;
}

// What was touched since the last call of this function: `targets` is null if something was that belongs to no element.
function takeTargets() {
  const { changed, styled, wide } = touched;
  const taken = { targets: touched.all ? null : touched.targets, changed, styled, wide };
  Object.assign(touched, { all: false, wide: false, targets: new Set(), changed: new Set(), styled: new Set() });
  return taken;
}
