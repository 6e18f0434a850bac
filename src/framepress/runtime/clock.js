// The page's only clock, its timers and its randomness. Runs before any script of a document, and at
// the start of every worker. Needs `config` = {epochMs, seed} from the loader.
//
// While a page loads, time stands at 0 and callbacks wait, so that what a script reads at its start is
// exactly the time of frame 0. Only if the page does not get ready by itself does loading time run, in
// equal steps (`runLoading`); when it is ready the clock is set to 0 and what was pending is moved along.

const native = {
  Date: globalThis.Date,
  Promise: globalThis.Promise,
  setTimeout: globalThis.setTimeout.bind(globalThis),
  requestAnimationFrame: globalThis.requestAnimationFrame?.bind(globalThis),
  postTask: globalThis.scheduler?.postTask?.bind(globalThis.scheduler),
  dateTimeFormat: Object.getOwnPropertyDescriptor(Intl.DateTimeFormat.prototype, "format").get,
  formatToParts: Intl.DateTimeFormat.prototype.formatToParts,
};

const clock = { nowMs: 0, started: false };

function replace(owner, name, value) {
  Object.defineProperty(owner, name, { value, writable: true, enumerable: false, configurable: true });
}

function replaceGetter(owner, name, get) {
  Object.defineProperty(owner, name, { get, enumerable: true, configurable: true });
}

function report(error) {
  // Like the browser would: an "error" event that the page's own handlers see first.
  globalThis.reportError(error);
}

// ---- what time it is ----------------------------------------------------------------------------

const dateNow = () => Math.floor(config.epochMs + clock.nowMs);

function installDate() {
  const NativeDate = native.Date;
  function Date(...parts) {
    if (!new.target) return new NativeDate(dateNow()).toString();
    return Reflect.construct(NativeDate, parts.length === 0 ? [dateNow()] : parts, new.target);
  }
  Object.defineProperty(Date, "length", { value: 7 });
  Object.defineProperty(Date, "prototype", { value: NativeDate.prototype, writable: false });
  replace(Date, "now", () => dateNow());
  replace(Date, "parse", NativeDate.parse);
  replace(Date, "UTC", NativeDate.UTC);
  replace(NativeDate.prototype, "constructor", Date);
  replace(globalThis, "Date", Date);

  // Formatting "now" without naming it would read the machine's clock.
  Object.defineProperty(Intl.DateTimeFormat.prototype, "format", {
    configurable: true,
    get() {
      const format = native.dateTimeFormat.call(this);
      return (date) => format(date === undefined ? dateNow() : date);
    },
  });
  replace(Intl.DateTimeFormat.prototype, "formatToParts", function formatToParts(date) {
    return native.formatToParts.call(this, date === undefined ? dateNow() : date);
  });
}

function installTemporal() {
  if (!globalThis.Temporal) return;
  const { Now, Instant } = Temporal;
  const instant = () => Instant.fromEpochMilliseconds(dateNow());
  const zoned = (zone) => instant().toZonedDateTimeISO(zone ?? Now.timeZoneId());
  replace(Now, "instant", instant);
  replace(Now, "zonedDateTimeISO", zoned);
  replace(Now, "plainDateTimeISO", (zone) => zoned(zone).toPlainDateTime());
  replace(Now, "plainDateISO", (zone) => zoned(zone).toPlainDate());
  replace(Now, "plainTimeISO", (zone) => zoned(zone).toPlainTime());
}

function installPerformance() {
  replace(Performance.prototype, "now", () => clock.nowMs);
  replaceGetter(Performance.prototype, "timeOrigin", () => config.epochMs);
  if (globalThis.AnimationTimeline) {
    replaceGetter(AnimationTimeline.prototype, "currentTime", () => clock.nowMs);
  }
}

// ---- timers and animation frames ----------------------------------------------------------------

const timers = new Map();
const frameCallbacks = new Map();
const idleCallbacks = new Map();
let lastHandle = 0;
let nestingLevel = 0;

// HTML, section 8.6: timers nested more than five deep wait at least 4 ms. One millisecond for all other
// repeated ones keeps `setTimeout(again, 0)` from running for ever inside one frame.
function leastDelayMs(repeats) {
  if (nestingLevel >= 5) return 4;
  return repeats || nestingLevel > 0 ? 1 : 0;
}

function addTimer(handler, delay, parts, repeats) {
  const handle = ++lastHandle;
  const delayMs = Math.max(leastDelayMs(repeats), Number(delay) || 0);
  timers.set(handle, {
    handler, parts, handle,
    dueMs: clock.nowMs + delayMs,
    everyMs: repeats ? Math.max(1, delayMs) : 0,
    level: nestingLevel + 1,
  });
  return handle;
}

function call(handler, self, parts) {
  try {
    if (typeof handler === "function") handler.apply(self, parts);
    else (0, eval)(String(handler));
  } catch (error) {
    report(error);
  }
}

function installTimers() {
  replace(globalThis, "setTimeout", (handler, delay, ...parts) => addTimer(handler, delay, parts, false));
  replace(globalThis, "setInterval", (handler, delay, ...parts) => addTimer(handler, delay, parts, true));
  replace(globalThis, "clearTimeout", (handle) => void timers.delete(Number(handle)));
  replace(globalThis, "clearInterval", (handle) => void timers.delete(Number(handle)));
  replace(globalThis, "requestAnimationFrame", (callback) => {
    if (typeof callback !== "function") throw new TypeError("requestAnimationFrame needs a function.");
    frameCallbacks.set(++lastHandle, callback);
    return lastHandle;
  });
  replace(globalThis, "cancelAnimationFrame", (handle) => void frameCallbacks.delete(Number(handle)));
  replace(globalThis, "requestIdleCallback", (callback) => {
    idleCallbacks.set(++lastHandle, callback);
    return lastHandle;
  });
  replace(globalThis, "cancelIdleCallback", (handle) => void idleCallbacks.delete(Number(handle)));
}

// Wait until tasks that are already queued (messages, promises, observers) have run.
function drainTasks() {
  return new native.Promise((resolve) => {
    if (native.postTask) native.postTask(resolve, { priority: "background" });
    else native.setTimeout(resolve, 0);
  });
}

// Run what is due up to `untilMs`, in order of time, each at its own moment on the clock.
async function runTimers(untilMs) {
  for (;;) {
    let next = null;
    for (const timer of timers.values()) {
      if (timer.dueMs <= untilMs && (next === null || timer.dueMs < next.dueMs)) next = timer;
    }
    if (next === null) break;
    clock.nowMs = next.dueMs;
    if (next.everyMs) next.dueMs += next.everyMs;
    else timers.delete(next.handle);
    nestingLevel = next.level;
    call(next.handler, globalThis, next.parts);
    nestingLevel = 0;
    await drainTasks();
  }
  clock.nowMs = untilMs;
}

async function runFrameCallbacks() {
  if (frameCallbacks.size > 0) {
    const round = [...frameCallbacks];
    for (const [handle, callback] of round) {
      // An earlier callback of the round may have cancelled this one.
      if (frameCallbacks.delete(handle)) call(callback, globalThis, [clock.nowMs]);
    }
    await drainTasks();
  }
  if (idleCallbacks.size > 0) {
    const round = [...idleCallbacks.values()];
    idleCallbacks.clear();
    const deadline = { didTimeout: false, timeRemaining: () => 10 };
    for (const callback of round) call(callback, globalThis, [deadline]);
    await drainTasks();
  }
}

function callbacksAlive() {
  const names = [];
  if (timers.size > 0) names.push("timer");
  if (frameCallbacks.size > 0) names.push("requestAnimationFrame");
  if (idleCallbacks.size > 0) names.push("requestIdleCallback");
  return names;
}

function setClockToZero() {
  for (const timer of timers.values()) timer.dueMs = Math.max(0, timer.dueMs - clock.nowMs);
  clock.nowMs = 0;
  clock.started = true;
}

async function runLoading(stepMs) {
  await runTimers(clock.nowMs + stepMs);
  await runFrameCallbacks();
}

// ---- randomness ---------------------------------------------------------------------------------

// sfc32 (PractRand's small fast counter): four words of state, period of at least 2^64.
const random = { state: new Uint32Array(4) };

function seedRandom(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  random.state.set([hash, hash ^ 0x9e3779b9, ~hash, 1]);
  for (let i = 0; i < 15; i += 1) randomWord();
}

function randomWord() {
  const s = random.state;
  const sum = (s[0] + s[1] + s[3]) >>> 0;
  s[3] += 1;
  s[0] = s[1] ^ (s[1] >>> 9);
  s[1] = s[2] + (s[2] << 3);
  s[2] = ((s[2] << 21) | (s[2] >>> 11)) + sum;
  return sum;
}

function installRandom() {
  seedRandom(`${config.seed}:load`);
  replace(Math, "random", () => ((randomWord() >>> 6) * 134217728 + (randomWord() >>> 5)) / 9007199254740992);
  if (!globalThis.Crypto) return;
  const getRandomValues = (array) => {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = randomWord() >>> 24;
    return array;
  };
  replace(Crypto.prototype, "getRandomValues", getRandomValues);
  replace(Crypto.prototype, "randomUUID", () => {
    const bytes = getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  });
}

installDate();
installTemporal();
installPerformance();
installTimers();
installRandom();
