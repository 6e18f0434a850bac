// The values of a row as scripts and style sheets of dialect B read them: `getVariables()` and `var(--id)`; and
// nested compositions, whose scripts see their own values, elements and timelines.

const variables = { own: {}, nested: {} };

function installVariables() {
  // Templates of HyperFrames write into it without making it first.
  window.__timelines = {};
  window.__hyperframes = { getVariables: () => ({ ...variables.own }) };
}

// Called before every other script of the page. `nested`: number of a nested composition -> its values.
function declare(own, nested) {
  variables.own = own;
  variables.nested = nested;
  window.__hfVariables = { ...own };
  installSheets();
  const sheet = new CSSStyleSheet();
  addRule(sheet, ":root, [data-composition-id]", own);
  for (const [key, values] of Object.entries(nested)) {
    const host = `[data-framepress-nested="${key}"]`;
    addRule(sheet, `${host}, ${host} [data-composition-id]`, values);
  }
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  document.addEventListener("DOMContentLoaded", bindStyles, { once: true, capture: true });
}

function addRule(sheet, selector, values) {
  setProperties(rulesOf(sheet)[sheet.insertRule(`${selector} { }`, rulesOf(sheet).length)].style, values);
}

// As in HyperFrames: what could end a declaration is left out of a value.
function setProperties(style, values) {
  for (const [id, value] of Object.entries(values)) {
    if (value === null || !/^[\w-]+$/.test(id)) continue;
    style.setProperty(`--${id}`, String(value).replace(/[;{}<>\r\n]/g, ""));
  }
}

// A value wins over what the author's rules give the same property of a composition's root.
function bindStyles() {
  const root = findRoot();
  if (root) setProperties(root.style, variables.own);
  for (const [key, values] of Object.entries(variables.nested)) {
    for (const part of nestedParts(key)) setProperties(part.style, values);
  }
}

function nestedParts(key) {
  const host = hostOf(key);
  if (!host) return [];
  return [host, ...[...host.querySelectorAll("[data-framepress-inner]")].filter((inner) => inner.parentElement === host)];
}

function hostOf(key) {
  return document.querySelector(`[data-framepress-nested="${key}"]`);
}

// Run a script of a nested composition. What it looks for it finds in its own composition first; its timelines
// are registered by the id of the element that the composition was put into.
function nested(key, authoredId, run) {
  const host = hostOf(key);
  const scoped = scopeOf(host, key, authoredId);
  const begin = () => run.call(window, scoped.window, scoped.document, scoped.hyperframes, scoped.timelines);
  // GSAP looks selectors up inside of the element of its context.
  if (typeof window.gsap?.context === "function") window.gsap.context(begin, host);
  else begin();
}

function scopeOf(host, key, authoredId) {
  window.__timelines ??= {};
  const idOf = (id) => (id === authoredId ? host.getAttribute("data-composition-id") : id);
  const timelines = new Proxy({}, {
    get: (_, id) => window.__timelines[idOf(id)],
    set: (_, id, timeline) => { window.__timelines[idOf(id)] = timeline; return true; },
    has: (_, id) => idOf(id) in window.__timelines,
    ownKeys: () => Reflect.ownKeys(window.__timelines),
    getOwnPropertyDescriptor: (_, id) => Object.getOwnPropertyDescriptor(window.__timelines, idOf(id)),
  });
  const hyperframes = { getVariables: () => ({ ...variables.nested[key] }) };
  const scopedDocument = scopedBy(document, {
    getElementById: (id) => host.querySelector(`#${CSS.escape(id)}`) ?? document.getElementById(id),
    querySelector: (selector) => host.querySelector(selector) ?? document.querySelector(selector),
    querySelectorAll: (selector) => firstFound(host.querySelectorAll(selector), () => document.querySelectorAll(selector)),
    getElementsByClassName: (name) => firstFound(host.getElementsByClassName(name), () => document.getElementsByClassName(name)),
  });
  const scopedWindow = scopedBy(window, { document: scopedDocument, __hyperframes: hyperframes, __timelines: timelines });
  return { window: scopedWindow, document: scopedDocument, hyperframes, timelines };
}

function firstFound(list, otherwise) {
  return list.length > 0 ? list : otherwise();
}

// `object` with some members replaced. Methods of the browser's own objects refuse to run on anything else.
function scopedBy(object, members) {
  return new Proxy(object, {
    get(target, name) {
      if (Object.hasOwn(members, name)) return members[name];
      const value = Reflect.get(target, name, target);
      return typeof value === "function" && !value.prototype ? value.bind(target) : value;
    },
    set(target, name, value) {
      return Object.hasOwn(members, name) || Reflect.set(target, name, value, target);
    },
  });
}
