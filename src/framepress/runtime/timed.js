// Timed elements, fades, animations and timelines: everything in a document that has a place in time.

// Two times closer than this are the same moment; frames are at least 1/240 s apart.
const SAME_MOMENT_S = 1e-6;

const OFF = "data-framepress-off";
const GONE = "data-framepress-gone";

const sheets = { document: null, defaults: null, visibility: null };

// A frame keeps its window, and with it this script, when its first empty document is replaced; style
// sheets belong to one document.
function installSheets() {
  if (sheets.document === document) return;
  sheets.document = document;
  // Zero specificity: every rule of the author wins.
  sheets.defaults = new CSSStyleSheet();
  sheets.defaults.replaceSync(":where(html, body) { margin: 0; } :where(html) { background: none; }");
  sheets.visibility = new CSSStyleSheet();
  sheets.visibility.replaceSync(
    `:root [${OFF}], :root [${OFF}] * { visibility: hidden !important; }
     :root [${GONE}] { display: none !important; }`,
  );
}

function adoptSheets() {
  installSheets();
  const adopted = document.adoptedStyleSheets;
  if (!adopted.includes(sheets.visibility)) {
    document.adoptedStyleSheets = [sheets.defaults, ...adopted, sheets.visibility];
  }
}

// ---- the root -----------------------------------------------------------------------------------

function findRoot() {
  return document.querySelector("[data-width][data-height]") ?? document.querySelector("[data-composition-id]");
}

function prepareRoot(root) {
  const rule = rulesOf(sheets.defaults)[sheets.defaults.insertRule(":where([data-framepress-root]) { }")];
  root.setAttribute("data-framepress-root", "");
  const width = Number(root.getAttribute("data-width"));
  const height = Number(root.getAttribute("data-height"));
  if (root !== document.documentElement && root !== document.body) {
    rule.style.width = `${width}px`;
    rule.style.height = `${height}px`;
    rule.style.position = "relative";
    rule.style.overflow = "hidden";
  }
  const background = root.getAttribute("data-bg");
  if (background) rulesOf(sheets.defaults)[1].style.background = background;
}

// The root of a nested file has the size that it says, unless the author's rules say otherwise.
function prepareInnerRoots() {
  for (const inner of document.querySelectorAll("[data-framepress-inner]")) {
    const key = inner.closest("[data-framepress-nested]").getAttribute("data-framepress-nested");
    const selector = `:where([data-framepress-nested="${key}"] > [data-framepress-inner])`;
    const rule = rulesOf(sheets.defaults)[sheets.defaults.insertRule(`${selector} { position: relative; overflow: hidden; }`)];
    for (const side of ["width", "height"]) {
      const pixels = Number(inner.getAttribute(`data-${side}`));
      if (pixels > 0) rule.style[side] = `${pixels}px`;
    }
  }
}

// ---- timed elements -----------------------------------------------------------------------------

const TIMED = "[data-start], [data-end], [data-duration]";
const timed = { all: [], byElement: new WeakMap() };

function seconds(text, otherwise) {
  if (text === null || text.trim() === "") return otherwise;
  const value = Number(text);
  return Number.isFinite(value) ? value : otherwise;
}

function readTimed(element) {
  const start = seconds(element.getAttribute("data-start"), 0);
  const end = seconds(element.getAttribute("data-end"), null)
    ?? start + seconds(element.getAttribute("data-duration"), Infinity);
  const fade = /^\s*(in|out|both)(?:\s+([\d.]+)s?)?\s*$/.exec(element.getAttribute("data-fade") ?? "");
  const fadeS = fade ? Number(fade[2] ?? 0.5) : 0;
  return {
    element, start, end,
    fadeIn: fade && fade[1] !== "out" ? fadeS : 0,
    fadeOut: fade && fade[1] !== "in" ? fadeS : 0,
    leavesFlow: false,
    shown: null,
    ownOpacity: null,
  };
}

// Elements that scripts add later are found again before each frame; the list is short.
function findTimed(root) {
  const known = timed.byElement;
  timed.all = [];
  for (const element of document.querySelectorAll(TIMED)) {
    if (element === root && !element.hasAttribute("data-start")) continue;
    if (/^(AUDIO|SOURCE|SCRIPT|TEMPLATE)$/.test(element.tagName)) continue;
    let entry = known.get(element);
    if (!entry) {
      entry = readTimed(element);
      known.set(element, entry);
      const style = getComputedStyle(element);
      entry.leavesFlow = !element.querySelector(TIMED)
        && (style.position === "static" || style.position === "relative")
        && style.float === "none" && element !== root;
    }
    timed.all.push(entry);
  }
}

function isShown(entry, timeS) {
  return timeS >= entry.start - SAME_MOMENT_S && timeS < entry.end - SAME_MOMENT_S;
}

function showTimed(timeS) {
  for (const entry of timed.all) {
    const shown = isShown(entry, timeS);
    if (shown === entry.shown) continue;
    entry.shown = shown;
    entry.element.toggleAttribute(entry.leavesFlow ? GONE : OFF, !shown);
  }
}

// The opacity that a fade multiplies is the author's at that moment, so ours is taken off before
// anything is moved in time and put on after everything has been.
function takeOffFades() {
  for (const entry of timed.all) {
    if (entry.ownOpacity === null) continue;
    const [value, priority] = entry.ownOpacity;
    if (value) entry.element.style.setProperty("opacity", value, priority);
    else entry.element.style.removeProperty("opacity");
    entry.ownOpacity = null;
  }
}

function fadeFactor(entry, timeS) {
  let factor = 1;
  if (entry.fadeIn > 0) factor = Math.min(factor, (timeS - entry.start) / entry.fadeIn);
  if (entry.fadeOut > 0) factor = Math.min(factor, (entry.end - timeS) / entry.fadeOut);
  return Math.max(0, factor);
}

function putOnFades(timeS) {
  for (const entry of timed.all) {
    if (!entry.shown || (entry.fadeIn === 0 && entry.fadeOut === 0)) continue;
    const factor = fadeFactor(entry, timeS);
    if (factor >= 1) continue;
    const style = entry.element.style;
    const opacity = Number(getComputedStyle(entry.element).opacity) * factor;
    entry.ownOpacity = [style.getPropertyValue("opacity"), style.getPropertyPriority("opacity")];
    style.setProperty("opacity", String(opacity), "important");
  }
}

function timedStartOf(element) {
  const owner = element?.closest?.("[data-start]");
  return owner ? seconds(owner.getAttribute("data-start"), 0) : 0;
}

// ---- CSS and Web Animations ---------------------------------------------------------------------

// Kept by us: an animation that is over without a fill is no longer listed by the document, but a seek
// backwards must find it. An entry's `baseS` is where its own time 0 lies on the clock.
const animations = new Map();
const shadowRoots = new Set();

function watchShadowRoots(onRoot) {
  const attachShadow = Element.prototype.attachShadow;
  replace(Element.prototype, "attachShadow", function attach(options) {
    const root = attachShadow.call(this, options);
    shadowRoots.add(root);
    onRoot(root);
    return root;
  });
}

function listAnimations() {
  const found = document.getAnimations();
  for (const root of shadowRoots) if (root.host.isConnected) found.push(...root.getAnimations());
  return found;
}

// Returns the kinds of animations that were created after loading by the page itself. Their place in
// time depends on when that happened, so such a page cannot be entered in the middle.
function adoptAnimations(loading, nowS) {
  const late = [];
  for (const animation of listAnimations()) {
    if (animations.has(animation)) continue;
    const target = animation.effect?.target ?? null;
    const start = timedStartOf(target);
    // What CSS creates anew because its element has just appeared belongs to that element's start.
    const entry = timed.byElement.get(target?.closest?.("[data-start]"));
    const appeared = entry?.leavesFlow && animation instanceof CSSAnimation;
    const atLoading = loading || appeared;
    if (!atLoading) late.push(animation.constructor.name);
    animation.pause();
    animations.set(animation, { baseS: atLoading ? start : nowS });
  }
  return late;
}

// All are asked before the first is moved: to tell how a CSS animation plays, Blink brings styles up to date, which is
// nothing to do as long as none has moved. When they took turns, styles were worked out some times per seek, not once.
function seekAnimations(timeS) {
  const moves = [];
  for (const [animation, entry] of animations) {
    // "idle" means that style or script has cancelled it; setting its time would bring it back.
    if (animation.playState === "idle") {
      animations.delete(animation);
      touch(animation.effect?.target);
    } else {
      if (animation.playState === "running") animation.pause();
      const timeMs = clampToEffect(animation, (timeS - entry.baseS) * 1000);
      if (timeMs !== entry.timeMs) moves.push([animation, entry, timeMs]);
    }
  }
  for (const [animation, entry, timeMs] of moves) {
    animation.currentTime = timeMs;
    entry.timeMs = timeMs;
    (onlyMoves(animation.effect) ? move : touch)(animation.effect?.target);
  }
}

// Before its delay and after its end an effect does not change. Moving it there all the same would count
// as damage, and every frame after the last animation, or before one that is still to come, would be captured
// again.
function clampToEffect(animation, timeMs) {
  const timing = animation.effect?.getComputedTiming();
  if (!timing) return timeMs;
  const earliest = Number(timing.delay) - 1;
  return Math.min(Math.max(timeMs, earliest), Math.max(Number(timing.endTime), earliest));
}

function animationsEndS() {
  let end = 0;
  for (const [animation, entry] of animations) {
    const endMs = Number(animation.effect?.getComputedTiming().endTime);
    if (Number.isFinite(endMs)) end = Math.max(end, entry.baseS + endMs / 1000);
  }
  return end;
}

// ---- registered timelines (GSAP) and SVG --------------------------------------------------------

function registeredTimelines() {
  const registry = window.__timelines;
  if (!registry || typeof registry !== "object") return [];
  return Object.entries(registry).filter(([, timeline]) => timeline && typeof timeline === "object");
}

function timelineStart(id) {
  const owner = document.querySelector(`[data-composition-id="${CSS.escape(id)}"]`);
  return owner ? timedStartOf(owner) : 0;
}

function seekTimelines(timeS) {
  for (const [id, timeline] of registeredTimelines()) {
    const localS = Math.max(0, timeS - timelineStart(id));
    try {
      seekTimeline(timeline, localS);
    } catch (error) {
      report(error);
    }
  }
}

function seekTimeline(timeline, localS) {
  if (typeof timeline.pause === "function") timeline.pause();
  if (typeof timeline.totalTime === "function") timeline.totalTime(localS, false);
  else if (typeof timeline.seek === "function") timeline.seek(localS, false);
  else if (typeof timeline.time === "function") timeline.time(localS);
}

function timelinesEndS() {
  let end = 0;
  for (const [id, timeline] of registeredTimelines()) {
    const duration = typeof timeline.duration === "function" ? Number(timeline.duration()) : NaN;
    if (Number.isFinite(duration) && duration < 1e6) end = Math.max(end, timelineStart(id) + duration);
  }
  return end;
}

// GSAP's ticker asks for animation frames for ever. When every tween belongs to a registered timeline it
// has nothing to do, and a page driven by timelines alone is seekable. Every seek of a timeline wakes it.
function sleepGsapTicker() {
  const gsap = window.gsap;
  if (!gsap?.ticker?.sleep || !gsap.globalTimeline?.getChildren) return;
  const registered = new Set(registeredTimelines().map(([, timeline]) => timeline));
  const loose = gsap.globalTimeline.getChildren(false, true, true)
    .filter((child) => !registered.has(child) && !child.paused() && child.totalProgress() < 1);
  if (loose.length === 0) gsap.ticker.sleep();
}

function seekSvg(timeS) {
  for (const svg of document.querySelectorAll("svg")) {
    if (svg.ownerSVGElement || !svg.querySelector("animate, animateTransform, animateMotion, set")) continue;
    svg.pauseAnimations();
    svg.setCurrentTime(Math.max(0, timeS - timedStartOf(svg)));
    // What moves in it may be anywhere in the document.
    touch(svg, true);
  }
}
