// The page around the composition. The composition is moved by the renderer's own runtime (`__framepress`), frame by
// frame, so that what is seen in a pause is what is rendered.
"use strict";
const byId = (id) => document.getElementById(id);
const VERSION_MS = 700;
const LOADING_STEP_MS = 1000 / 60;
const TIMELINES_WAIT_MS = 5000;
const state = { facts: null, values: {}, row: -1, shown: null, frame: 0, frames: 1, playing: false, busy: null, wanted: null, actual: false, rowFindings: [], base: null };

async function ask(path, body) {
  const answer = await fetch(path, body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  const found = await answer.json();
  if (found.error) throw Object.assign(new Error(found.error), { field: found.field });
  return found;
}

function tell(error) {
  byId("trouble").hidden = !error;
  byId("trouble").textContent = error ? error.message : "";
  for (const input of byId("form").elements) input.classList.toggle("wrong", Boolean(error?.field) && input.name === error.field);
}

// ---- a page under the runtime --------------------------------------------------------------------

class Stage {
  constructor(iframe) {
    this.iframe = iframe;
    this.at = -1;
    this.stateful = false;
  }

  get driver() { return this.iframe.contentWindow.__framepress; }

  async open(page) {
    this.page = page;
    this.at = -1;
    this.stateful = false;
    this.iframe.width = page.width;
    this.iframe.height = page.height;
    this.iframe.style.width = `${page.width}px`;
    this.iframe.style.height = `${page.height}px`;
    await new Promise((resolve) => {
      this.iframe.addEventListener("load", resolve, { once: true });
      this.iframe.src = page.path;
    });
    await this.ready();
    const begun = this.driver.begin();
    this.iframe.contentWindow.__framepressPreview.release();
    this.endS = begun.endS;
  }

  // As the renderer waits: for what is pending, and for timelines that may still come.
  async ready() {
    let waited = 0;
    for (let count = 0; count < 1000; count += 1) {
      await nextFrame();
      const status = this.driver.status();
      fail(status.errors);
      if (!status.loaded || status.pending.length > 0) continue;
      const mayCome = status.missingTimelines.length > 0 && waited < TIMELINES_WAIT_MS && (status.callbacks > 0 || waited < 5 * LOADING_STEP_MS);
      if (!mayCome) return;
      await this.driver.runLoading(LOADING_STEP_MS);
      waited += LOADING_STEP_MS;
    }
    throw new Error("The page did not get ready.");
  }

  async seek(frame) {
    if (this.stateful && frame < this.at) await this.open(this.page);
    if (this.at < 0) await this.one(0);
    if (this.stateful) for (let index = this.at + 1; index < frame; index += 1) await this.one(index);
    if (frame !== this.at) await this.one(frame);
  }

  async one(frame) {
    const [numerator, denominator] = this.page.fps;
    let told = await this.driver.seek((frame * denominator) / numerator, frame);
    for (let count = 0; told.pending.length > 0 && count < 600; count += 1) {
      await nextFrame();
      told = this.driver.settled();
    }
    fail(told.errors);
    this.stateful ||= told.stateful.length > 0;
    this.at = frame;
  }
}

const nextFrame = () => new Promise((resolve) => { requestAnimationFrame(() => setTimeout(resolve, 0)); });

function fail(errors) {
  if (errors.length > 0) throw new Error(errors.map((one) => `${one.kind}: ${one.message} ${one.url}`.trim()).join("\n"));
}

const stage = new Stage(byId("page"));

// ---- showing ------------------------------------------------------------------------------------

async function show(values, frame = state.frame) {
  pause();
  try {
    const page = await ask("/api/page", { values });
    await stage.open(page);
    state.shown = page;
    loadSounds(page.sounds);
    const fps = page.fps[0] / page.fps[1];
    const exact = (page.duration ?? stage.endS) * fps;
    state.frames = Math.max(1, Math.abs(exact - Math.round(exact)) < 1e-3 ? Math.round(exact) : Math.ceil(exact));
    byId("scrubber").max = state.frames - 1;
    byId("facts").textContent = `${page.width}×${page.height} · ${Number(fps.toFixed(3))} fps · ${Number((state.frames / fps).toFixed(2))} s`;
    layout();
    tell(null);
    await go(Math.min(frame, state.frames - 1));
  } catch (error) {
    tell(error);
  }
}

// Only the last wish counts while one is on its way.
async function go(frame) {
  state.wanted = Math.max(0, Math.min(frame, state.frames - 1));
  if (state.busy) return state.busy;
  state.busy = (async () => {
    try {
      while (state.wanted !== null) {
        const next = state.wanted;
        state.wanted = null;
        await stage.seek(next);
        state.frame = next;
        showTime();
      }
      if (!state.playing) await judge();
    } catch (error) {
      pause();
      tell(error);
    } finally {
      state.busy = null;
    }
  })();
  return state.busy;
}

function showTime() {
  const [numerator, denominator] = state.shown.fps;
  byId("scrubber").value = state.frame;
  byId("time").textContent = `${((state.frame * denominator) / numerator).toFixed(3)} s · ${state.frame} / ${state.frames - 1}`;
}

function play() {
  if (state.playing) return pause();
  state.playing = true;
  byId("play").textContent = "Pause";
  draw([]);
  const fps = state.shown.fps[0] / state.shown.fps[1];
  const from = state.frame >= state.frames - 1 ? 0 : state.frame;
  const began = performance.now();
  playSounds(from / fps);
  const tick = async () => {
    if (!state.playing) return;
    const frame = from + Math.floor(((performance.now() - began) / 1000) * fps);
    await go(frame);
    if (frame >= state.frames - 1) pause();
    else requestAnimationFrame(tick);
  };
  return tick();
}

function pause() {
  if (!state.playing) return;
  state.playing = false;
  byId("play").textContent = "Play";
  stopSounds();
  if (state.shown && !state.busy) go(state.frame);
}

// ---- sound --------------------------------------------------------------------------------------

// Close to what is rendered, not the same: no limiter, and nothing is louder than its file.
const sounds = { files: new Map(), parts: [], timers: [] };

// Whole files: in one that arrives piece by piece nobody can jump.
async function soundFile(url) {
  const answer = await fetch(url);
  return answer.ok ? URL.createObjectURL(await answer.blob()) : null;
}

async function loadSounds(wanted) {
  stopSounds();
  sounds.parts = [];
  const parts = await Promise.all(wanted.map(async (sound) => {
    if (!sounds.files.has(sound.key)) sounds.files.set(sound.key, soundFile(sound.url));
    const source = await sounds.files.get(sound.key).catch(() => null);
    return source && { ...sound, player: Object.assign(new Audio(source), { loop: sound.loop, volume: Math.min(1, sound.volume), playbackRate: sound.speed }) };
  }));
  if (state.shown?.sounds === wanted) sounds.parts = parts.filter(Boolean);
}

function playSounds(timeS) {
  stopSounds();
  for (const { player, start, end, trim, speed } of sounds.parts) {
    if (end !== null && timeS >= end) continue;
    const begin = () => {
      const into = trim + Math.max(0, timeS - start) * speed;
      player.currentTime = player.loop && player.duration > 0 ? into % player.duration : into;
      // A browser that wants to be asked first stays silent.
      player.play().catch(() => undefined);
    };
    sounds.timers.push(setTimeout(begin, Math.max(0, start - timeS) * 1000));
    if (end !== null) sounds.timers.push(setTimeout(() => player.pause(), (end - timeS) * 1000));
  }
}

function stopSounds() {
  for (const timer of sounds.timers) clearTimeout(timer);
  sounds.timers = [];
  for (const { player } of sounds.parts) player.pause();
}

function layout() {
  const { width, height } = state.shown;
  const view = byId("view");
  const scale = state.actual ? 1 : Math.min(1, (view.clientWidth - 40) / width, (view.clientHeight - 40) / height);
  byId("frame").style.width = `${width * scale}px`;
  byId("frame").style.height = `${height * scale}px`;
  byId("page").style.transform = scale === 1 ? "none" : `scale(${scale})`;
  // Gradients are dithered by where a pixel lies in its layer: only in one of its own are they those of the rendered frame.
  byId("page").style.willChange = scale === 1 ? "transform" : "auto";
  byId("overlay").setAttribute("viewBox", `0 0 ${width} ${height}`);
  byId("zoom").setAttribute("aria-pressed", String(state.actual));
}

// ---- findings -----------------------------------------------------------------------------------

// The layout of the defaults at every frame that was judged, in a frame of its own that nobody sees.
const bases = { stage: null, version: "", known: new Map() };

async function baseAt(frame) {
  const key = `${state.facts.version}/${frame}`;
  if (bases.known.has(key)) return bases.known.get(key);
  if (!bases.stage) {
    const iframe = document.createElement("iframe");
    iframe.style.cssText = "position: fixed; left: -20000px; top: 0";
    document.body.append(iframe);
    bases.stage = new Stage(iframe);
  }
  let base = null;
  try {
    if (bases.version !== state.facts.version) {
      await bases.stage.open(await ask("/api/page", { values: {} }));
      bases.version = state.facts.version;
    }
    await bases.stage.seek(frame);
    base = bases.stage.driver.layoutFacts();
  } catch {
    // Without a default for everything there is nothing to compare with.
  }
  bases.known.set(key, base);
  return base;
}

async function judge() {
  const frame = state.frame;
  const facts = stage.driver.layoutFacts();
  const places = [...facts.texts, ...facts.pictures].map((one) => one.place);
  const names = stage.driver.namesAt(places);
  const base = await baseAt(frame);
  const { width, height, fps, values } = state.shown;
  const told = { layout: facts, base, names: Object.fromEntries(places.map((place, index) => [place, names[index]])), values, time: (frame * fps[1]) / fps[0], size: [width, height] };
  const { findings } = await ask("/api/judge", told);
  if (frame !== state.frame || state.playing) return;
  draw(findings);
}

function draw(findings) {
  const overlay = byId("overlay");
  overlay.replaceChildren();
  const { width, height } = state.shown;
  if (byId("safe").checked) {
    for (const part of [0.05, 0.1]) for (const kind of ["under", "safe"]) overlay.append(rect([width * part, height * part, width * (1 - 2 * part), height * (1 - 2 * part)], kind));
  }
  if (byId("outlines").checked) for (const one of findings) if (one.box) overlay.append(rect(one.box, one.severity));
  state.findings = findings;
  const all = [...findings, ...state.rowFindings];
  byId("count").textContent = all.length ? `(${all.length})` : "";
  byId("findings").replaceChildren(...all.map(item));
  if (all.length === 0) byId("findings").append(Object.assign(document.createElement("li"), { textContent: "Nothing at this moment." }));
}

function rect(box, kind) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  ["x", "y", "width", "height"].forEach((name, index) => element.setAttribute(name, box[index]));
  element.setAttribute("class", kind);
  return element;
}

function item(one) {
  const element = document.createElement("li");
  element.className = one.severity;
  element.append(one.title);
  const more = document.createElement("small");
  more.textContent = [one.field, one.element, one.detail, one.cure].filter(Boolean).join(" · ");
  element.append(more);
  return element;
}

// ---- rows and form ------------------------------------------------------------------------------

function fillForm() {
  const form = byId("form");
  form.replaceChildren(...state.facts.variables.map((variable) => {
    const label = document.createElement("label");
    label.append(variable.label ? `${variable.name} – ${variable.label}` : variable.name, input(variable));
    return label;
  }));
  byId("rows").hidden = state.facts.rows === 0;
  byId("by").replaceChildren(...state.facts.variables.filter((one) => one.longest !== null).map((one) => new Option(one.name, one.name)));
}

function input(variable) {
  let field;
  const options = variable.type === "boolean" ? ["true", "false"] : variable.options;
  if (options.length > 0) {
    field = document.createElement("select");
    field.append(...options.map((option) => new Option(option, option)));
  } else {
    field = document.createElement("input");
    field.type = { number: "text", date: "date" }[variable.type] ?? "text";
    field.dir = "auto";
    if (variable.max_length) field.maxLength = variable.max_length;
  }
  field.name = variable.name;
  field.value = state.values[variable.name] ?? variable.default ?? "";
  field.addEventListener("input", () => {
    state.values[variable.name] = field.value;
    if (state.row >= 0) byId("row").textContent = `${state.rowName}, edited`;
    clearTimeout(state.typing);
    state.typing = setTimeout(() => show(state.values), 150);
  });
  return field;
}

async function row(index) {
  const count = state.facts.rows;
  state.row = ((index % count) + count) % count;
  const found = await ask("/api/row", { index: state.row });
  // An empty cell takes the fallback, as it does in a run.
  state.values = found.values;
  state.rowFindings = found.findings;
  state.rowName = [`row ${found.row} of ${count.toLocaleString("en")}`, found.id].filter(Boolean).join(" · ");
  byId("row").textContent = state.rowName;
  fillForm();
  await show(state.values);
}

const extreme = (kind) => row(state.facts.variables.find((one) => one.name === byId("by").value)[kind]);
const random = () => row(Math.floor(Math.random() * state.facts.rows));

async function load() {
  try {
    state.facts = await ask("/api/state");
    document.title = `${state.facts.name} – preview`;
    byId("name").textContent = state.facts.name;
    fillForm();
    if (state.facts.rows > 0) await row(Math.max(0, Math.min(state.row, state.facts.rows - 1)));
    else await show(state.values);
  } catch (error) {
    tell(error);
  }
}

async function watch() {
  try {
    const { version } = await ask("/api/version");
    if (state.facts && version !== state.facts.version && version !== state.failed) {
      await load();
      state.failed = state.facts.version === version ? null : version;
    }
  } catch { /* The server is gone, or about to come back. */ }
  setTimeout(watch, VERSION_MS);
}

const KEYS = {
  " ": play, ArrowLeft: () => go(state.frame - 1), ArrowRight: () => go(state.frame + 1), Home: () => go(0), End: () => go(state.frames - 1),
  n: () => state.facts.rows && row(state.row + 1), p: () => state.facts.rows && row(state.row - 1), r: () => state.facts.rows && random(),
  z: () => byId("zoom").click(),
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(?:INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== "range") return;
  const action = KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
for (const [id, action] of Object.entries({
  play, first: () => go(0), back: () => go(state.frame - 1), forward: () => go(state.frame + 1), next: () => row(state.row + 1), previous: () => row(state.row - 1),
  longest: () => extreme("longest"), shortest: () => extreme("shortest"), random, zoom: () => { state.actual = !state.actual; layout(); },
})) byId(id).addEventListener("click", action);
byId("scrubber").addEventListener("input", () => { pause(); go(Number(byId("scrubber").value)); });
for (const id of ["safe", "outlines"]) byId(id).addEventListener("change", () => draw(state.findings ?? []));
byId("form").addEventListener("submit", (event) => event.preventDefault());
addEventListener("resize", () => state.shown && layout());
load().then(watch);
