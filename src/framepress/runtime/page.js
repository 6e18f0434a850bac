// The driver of a document: gets it ready, moves it to a moment, says what went wrong. Python calls it
// through `__framepress`; a driver in a frame is called by the one of its parent document.

const page = {
  root: null,
  errors: [],
  late: new Set(),
  framesSeen: 0,
  sealed: false,
};

// A page that asks for no frames is left out of one by the compositor, and its request may come too late
// for the frame that is about to be drawn: then the picture is the old one, and reported as undamaged. So
// we always ask for the next, and count those that came; a frame is believed only if the count has risen.
function countFrames() {
  page.framesSeen += 1;
  native.requestAnimationFrame(countFrames);
}

// More than a person reads; a page that throws in every frame must not fill memory.
const ERRORS_MAX = 20;

function addError(kind, message, url, line, column) {
  if (page.errors.length < ERRORS_MAX) page.errors.push({ kind, message, url, line, column });
}

function addRejection(reason) {
  let words = "without a reason that can be told";
  try {
    words = String(reason?.message ?? reason);
  } catch { /* an object that cannot be written */ }
  addError("rejection", words, "", 0, 0);
}

function watchErrors() {
  window.addEventListener("error", (event) => {
    if (event.target !== window && event.target instanceof Element) return;
    addError("script", String(event.message), event.filename, event.lineno, event.colno);
  }, true);
  window.addEventListener("unhandledrejection", (event) => addRejection(event.reason), true);
}

function closeDoors() {
  const nothing = () => undefined;
  replace(window, "alert", nothing);
  replace(window, "print", nothing);
  replace(window, "confirm", () => false);
  replace(window, "prompt", () => null);
  replace(window, "open", () => null);
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport", "SharedWorker"]) {
    if (name in window) replace(window, name, undefined);
  }
  if (navigator.serviceWorker) {
    replace(ServiceWorkerContainer.prototype, "register", () =>
      native.Promise.reject(new DOMException("No service workers while rendering.", "NotSupportedError")));
  }
  if (window === window.top) emptyDrawers();
}

// What the page of the row before may have left. Chromium is told to forget everything between two rows, but
// what a page stores in its last moments comes later than that.
function emptyDrawers() {
  window.name = "";
  const { get } = Object.getOwnPropertyDescriptor(History.prototype, "length");
  const before = get.call(history) - 1;
  replaceGetter(History.prototype, "length", () => get.call(history) - before);
  if (!location.protocol.startsWith("http")) return;
  localStorage.clear();
  sessionStorage.clear();
}

function childDrivers() {
  const drivers = [];
  for (const frame of document.querySelectorAll("iframe, object")) {
    try {
      const driver = frame.contentWindow?.__framepress;
      if (driver) drivers.push([driver, timedStartOf(frame)]);
    } catch {
      page.sealed = true;
    }
  }
  return drivers;
}

// ---- readiness ----------------------------------------------------------------------------------

function brokenImages() {
  const broken = [];
  for (const image of document.images) {
    const source = image.currentSrc || image.src;
    if (source && image.complete && image.naturalWidth === 0 && !/\.svg(\?|#|$)|^data:image\/svg/i.test(source)) {
      broken.push(source.startsWith("data:") ? "data:…" : source);
    }
  }
  return broken;
}

function pendingResources() {
  const pending = [];
  for (const image of document.images) {
    if (image.loading === "lazy") image.loading = "eager";
    if ((image.currentSrc || image.src) && !image.complete) pending.push("image");
  }
  if (document.fonts.status === "loading") pending.push("font");
  for (const link of document.querySelectorAll("link[rel~=stylesheet]")) {
    if (!link.disabled && link.href && !link.sheet) pending.push("stylesheet");
  }
  for (const [driver] of childDrivers()) pending.push(...driver.pendingResources());
  return pending;
}

function missingTimelines() {
  if (document.querySelector("[data-no-timeline]")) return [];
  const there = new Set(registeredTimelines().map(([id]) => id));
  return [...document.querySelectorAll("[data-composition-id]:not([data-framepress-inner])")]
    .map((element) => element.getAttribute("data-composition-id"))
    .filter((id) => !there.has(id));
}

function status() {
  return {
    loaded: document.readyState === "complete",
    pending: pendingResources(),
    missingTimelines: missingTimelines(),
    callbacks: callbacksAlive().length,
    settling: settling(),
    errors: collectErrors(),
  };
}

function collectErrors() {
  const errors = [...page.errors];
  for (const face of document.fonts) {
    if (face.status === "error") errors.push({ kind: "font", message: face.family, url: "", line: 0, column: 0 });
  }
  for (const url of brokenImages()) errors.push({ kind: "image", message: "", url, line: 0, column: 0 });
  for (const [driver] of childDrivers()) errors.push(...driver.collectErrors());
  for (const playing of playingVideos()) errors.push(playing);
  if (page.sealed) errors.push({ kind: "frame", message: "", url: "", line: 0, column: 0 });
  return errors;
}

// Everything is there: from now on the clock moves only with frames.
function begin() {
  page.root = findRoot();
  adoptSheets();
  if (page.root && (window === window.top || config.preview || config.framed)) prepareRoot(page.root);
  prepareInnerRoots();
  findTimed(page.root);
  showTimed(0);
  for (const element of document.querySelectorAll("*")) if (element.shadowRoot) shadowRoots.add(element.shadowRoot);
  adoptAnimations(true, 0);
  seekAnimations(0);
  seekTimelines(0);
  seekAdapters(0);
  sleepGsapTicker();
  setClockToZero();
  for (const [driver] of childDrivers()) driver.begin();
  const box = page.root?.getBoundingClientRect();
  return {
    box: box ? [box.x, box.y, box.width, box.height] : null,
    endS: Math.max(timedEndS(), timelinesEndS(), animationsEndS(), adaptersEndS()),
    media: document.querySelectorAll("audio, video").length,
  };
}

function timedEndS() {
  let end = 0;
  for (const entry of timed.all) if (Number.isFinite(entry.end)) end = Math.max(end, entry.end);
  for (const media of document.querySelectorAll("audio[data-start], video[data-start]")) {
    const entry = readTimed(media);
    if (Number.isFinite(entry.end)) end = Math.max(end, entry.end);
  }
  return end;
}

// ---- one frame ----------------------------------------------------------------------------------

function dispatchSeek(timeS) {
  const promises = [];
  const detail = {
    time: timeS,
    waitUntil(promise) { promises.push(native.Promise.resolve(promise).catch(addRejection)); },
  };
  window.dispatchEvent(new CustomEvent("hf-seek", { detail }));
  return promises;
}

function moveTo(timeS) {
  adoptSheets();
  takeOffFades();
  seekTimelines(timeS);
  seekAdapters(timeS);
  sleepGsapTicker();
  seekAnimations(timeS);
  seekSvg(timeS);
  findTimed(page.root);
  showTimed(timeS);
  seekVideos(timeS);
  seekMoving(timeS);
}

async function seek(timeS, frameIndex) {
  const timeMs = timeS * 1000;
  seedRandom(`${config.seed}:${frameIndex}`);
  // A page that is entered at an earlier frame than before has no pending callbacks (it is seekable).
  clock.nowMs = Math.min(clock.nowMs, timeMs);
  moveTo(timeS);
  noteLate(adoptAnimations(false, timeS));
  clock.nowMs = Math.max(clock.nowMs, timeMs);
  const promises = dispatchSeek(timeS);
  if (promises.length > 0) await native.Promise.all(promises);
  for (const [driver, startS] of childDrivers()) await driver.seek(timeS - startS, frameIndex);
  await drainTasks();
  await runTimers(timeMs);
  await runFrameCallbacks();
  findTimed(page.root);
  showTimed(timeS);
  seekVideos(timeS);
  seekMoving(timeS);
  noteLate(adoptAnimations(false, timeS));
  seekAnimations(timeS);
  putOnFades(timeS);
  return settled();
}

// Seek frames one after the other, for about `forMs` and as long as none waits for anything: `layers` of each, and for all
// else what `settled` says of the last. One answer for some frames: a call of its own costs as much as an easy frame.
async function walk(first, stop, framesPerS, forMs) {
  const [numerator, denominator] = framesPerS;
  const endMs = native.Date.now() + forMs;
  const layers = [];
  let touched = false;
  let last = null;
  for (let index = first; index < stop; index += 1) {
    last = await seek((index * denominator) / numerator, index);
    layers.push(last.layers);
    touched ||= last.touched;
    if (last.pending.length > 0 || native.Date.now() >= endMs) break;
  }
  return { ...last, touched, layers };
}

function settled() {
  fitTexts();
  return {
    pending: pendingResources(),
    errors: collectErrors(),
    stateful: statefulReasons(),
    framesSeen: page.framesSeen,
    touched: takeTouched(),
    layers: layerState(),
  };
}

function noteLate(kinds) {
  for (const kind of kinds) page.late.add(`${kind} created by the page in mid-play`);
}

function statefulReasons() {
  const reasons = [...callbacksAlive().map((name) => `${name} alive after frame 0`), ...page.late];
  for (const [driver] of childDrivers()) reasons.push(...driver.statefulReasons());
  return reasons;
}

native.requestAnimationFrame(countFrames);
watchErrors();
watchTouches();
watchRules();
watchShadowRoots(observe);
closeDoors();
installVariables();
installVideos();
Object.defineProperty(window, "__framepress", { value: Object.freeze({
  declare, nested,
  looks, namesAt, setLayers, showLayer, layerSources, restLook, elementsAt, forgetMet, areOver, seenAt, effectsAt,
  layoutFacts, standing, hideText, clustersOf, missingGlyphs, showClusters, hideClusters, holdVideos,
  status, begin, seek, walk, settled, framesSeen: () => page.framesSeen, runLoading, drainTasks, pendingResources, collectErrors, statefulReasons,
}) });
