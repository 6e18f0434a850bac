// Whether anything may look different from the frame before, judged from inside the page.
//
// The compositor says so too ("damage"), but not reliably: on a loaded machine one BeginFrame in some
// hundreds reports no damage, even twice in a row, for a page that has changed. So a frame is taken for
// unchanged only if both agree. What cannot be seen from here (pixels of a canvas, rules edited in place) is
// left to the compositor, or, where such things exist, every frame counts as touched.

const touched = { now: true, observer: null };

function touch() {
  touched.now = true;
}

// Surfaces whose pixels change without a trace in the document.
const OPAQUE = "canvas, iframe, object, embed, video";

function isReal(record) {
  if (record.type === "attributes") {
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
  touched.observer = new MutationObserver((records) => {
    if (!touched.now && records.some(isReal)) touch();
  });
  observe(document);
  for (const name of ["insertRule", "deleteRule", "replaceSync", "replace"]) {
    const original = CSSStyleSheet.prototype[name];
    replace(CSSStyleSheet.prototype, name, function changed(...parts) {
      touch();
      return original.apply(this, parts);
    });
  }
  document.addEventListener("scroll", touch, true);
}

function observe(root) {
  touched.observer.observe(root, {
    subtree: true, childList: true, attributes: true, characterData: true,
    attributeOldValue: true, characterDataOldValue: true,
  });
}

// What was touched since the last call; at the end of each seek.
function takeTouched() {
  if (touched.observer.takeRecords().some(isReal) || document.querySelector(OPAQUE)) touch();
  const { now } = touched;
  touched.now = false;
  return now;
}
