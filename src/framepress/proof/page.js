// The page of a proof: everything is in #data, nothing is asked of the network. Values are only ever set as text.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const SEVERITIES = ["error", "warning", "note"];
const PAGE = 150;
const state = { severity: new Set(), rule: "", field: "", words: "", open: -1, moment: "", shown: PAGE };

function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-")) element.setAttribute(name, String(value));
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

// Drawn, not written: which symbols a font has differs from machine to machine.
const ICONS = { play: "M4 2.500v11l9-5.500z", close: "M3 3l10 10M13 3L3 13", theme: "M8 1.500a6.500 6.500 0 1 0 0 13z M8 1.500a6.500 6.500 0 0 1 0 13" };
function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", `icon ${name}`);
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const severityTag = (one) => el("span", { class: `tag ${one.severity}` }, one.severity);
const seconds = (time) => `${Number(time.toFixed(2))} s`;

// ---- head ---------------------------------------------------------------------------------------

function showHead() {
  const { counts, list } = data;
  document.title = `Proof of ${data.composition.name}`;
  byId("name").textContent = data.composition.name;
  const refused = list.refused ? `, ${list.refused.toLocaleString("en")} of them refused` : "";
  byId("facts").textContent = `${list.name} · ${plural(list.rows + list.refused, "row")}${refused} · ${data.made_at.slice(0, 16).replace("T", " ")} UTC`;
  const verdict = byId("verdict");
  for (const severity of SEVERITIES) {
    if (counts[severity]) verdict.append(el("span", { class: `tag ${severity}` }, plural(counts[severity], severity)));
  }
  if (!counts.error) verdict.prepend(el("span", { class: "tag good" }, "no errors"));
  const blocked = counts.error > 0;
  byId("approve").classList.toggle("blocked", blocked);
  byId("approve-title").textContent = blocked ? "Not ready to be approved" : "Ready to be approved";
  byId("approve-text").textContent = blocked
    ? "Correct the list or the template and run the proof again. If the errors are meant, approve them by name:"
    : "Look through the rows below. If they are as they should be, put your name to them:";
  byId("command").textContent = `framepress approve ${data.proof_path} --by "Your Name"${blocked ? " --accept-errors" : ""}`;
  byId("foot").textContent = `Moments looked at: ${data.moments.map(seconds).join(", ")}. Values are shown in this page only; proof.json holds none.`;
}

// ---- filters ------------------------------------------------------------------------------------

function fits(one, but = "") {
  if (but !== "severity" && state.severity.size && !state.severity.has(one.severity)) return false;
  if (but !== "rule" && state.rule && one.rule !== state.rule) return false;
  if (but !== "field" && state.field && one.field !== state.field) return false;
  return state.words === "" || state.words.split(/\s+/).every((word) => textOf(one).includes(word));
}

function textOf(one) {
  one.text ??= [one.rule, one.title, one.field, one.row, one.id, one.detail, one.value, one.element].join(" ").toLowerCase();
  return one.text;
}

const filtering = () => state.severity.size > 0 || state.rule !== "" || state.field !== "" || state.words !== "";

function fillFilters() {
  const chips = byId("severities");
  for (const severity of SEVERITIES) {
    if (!data.counts[severity]) continue;
    chips.append(el("button", { type: "button", "aria-pressed": "false", "data-severity": severity, onclick() {
      state.severity.has(severity) ? state.severity.delete(severity) : state.severity.add(severity);
      this.setAttribute("aria-pressed", state.severity.has(severity));
      refresh();
    } }, `${severity}s`));
  }
  const titles = new Map(data.findings.map((one) => [one.rule, one.title]));
  byId("by-rule").append(el("option", { value: "" }, "any"), ...[...titles].map(([rule, title]) => el("option", { value: rule }, title)));
  const fields = [...new Set(data.findings.map((one) => one.field).filter(Boolean))].sort();
  byId("by-field").append(el("option", { value: "" }, "any"), ...fields.map((name) => el("option", { value: name }, name)));
  byId("by-rule").addEventListener("change", (event) => { state.rule = event.target.value; refresh(); });
  byId("by-field").addEventListener("change", (event) => { state.field = event.target.value; refresh(); });
  byId("search").addEventListener("input", (event) => { state.words = event.target.value.trim().toLowerCase(); refresh(); });
  byId("clear").addEventListener("click", clear);
}

function clear() {
  Object.assign(state, { rule: "", field: "", words: "" });
  state.severity.clear();
  for (const id of ["by-rule", "by-field", "search"]) byId(id).value = "";
  for (const chip of byId("severities").children) chip.setAttribute("aria-pressed", "false");
  refresh();
}

function refresh() {
  state.shown = PAGE;
  byId("clear").hidden = !filtering();
  showSheet();
  showFindings();
}

// ---- contact sheet ------------------------------------------------------------------------------

const findingsOf = new Map();
for (const one of data.findings) {
  if (one.row !== null) findingsOf.set(one.row, [...(findingsOf.get(one.row) ?? []), one]);
}

const visibleRows = () => data.rows.filter((row) => !filtering() || (findingsOf.get(row.row) ?? []).some((one) => fits(one))
  || (state.words !== "" && !state.rule && !state.field && !state.severity.size && rowText(row).includes(state.words)));
const rowText = (row) => [row.row, row.id, ...row.reasons, ...Object.values(row.values)].join(" ").toLowerCase();

function outlines(row, moment) {
  const [width, height] = data.size;
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  for (const one of findingsOf.get(row.row) ?? []) {
    if (!one.box || (moment !== "" && String(one.moment) !== moment)) continue;
    for (const kind of ["halo", one.severity]) {
      const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      ["x", "y", "width", "height"].forEach((name, index) => rect.setAttribute(name, one.box[index]));
      rect.setAttribute("class", kind);
      svg.append(rect);
    }
  }
  return svg;
}

// The moment with the worst finding, else the last one.
function mainMoment(row) {
  const found = (findingsOf.get(row.row) ?? []).find((one) => one.moment !== null && String(one.moment) in row.stills);
  return found ? String(found.moment) : Object.keys(row.stills).at(-1);
}

function showSheet() {
  const rows = visibleRows();
  const sheet = byId("sheet");
  sheet.classList.toggle("tall", data.size[1] > data.size[0]);
  sheet.replaceChildren(...rows.map(card));
  if (rows.length === 0) sheet.append(el("p", { class: "empty" }, "No row of the proof set fits the filters; all findings are below."));
  byId("sheet-count").textContent = filtering() ? `${rows.length} of ${data.rows.length} rows` : plural(data.rows.length, "row");
  const clips = data.rows.filter((row) => row.clip).length;
  const left = data.left_out.length ? ` There was no room for: ${data.left_out.join(", ")}.` : "";
  byId("sheet-lead").textContent = `The rows most likely to go wrong: the longest, the shortest, the emptiest, the rarest, and one of every kind of finding.${clips ? ` The first ${clips === 1 ? "is a finished clip" : `${clips} are finished clips`}; open ${clips === 1 ? "it" : "one"} to play it.` : ""}${left}`;
}

function card(row) {
  const moment = mainMoment(row);
  const found = findingsOf.get(row.row) ?? [];
  const worst = SEVERITIES.find((severity) => found.some((one) => one.severity === severity));
  const picture = el("div", { class: "picture" }, el("img", { src: row.stills[moment], alt: `Row ${row.row}`, loading: "lazy" }), outlines(row, moment));
  if (row.clip) picture.append(el("span", { class: "plays" }, icon("play"), " clip"));
  const reasons = row.reasons.map((reason) => {
    const kind = reason.startsWith("finding ") ? data.kinds[reason.slice(8)] : null;
    return el("span", { class: `tag ${kind ? kind.severity : ""}` }, kind ? kind.words : reason);
  });
  return el("button", { class: "card", type: "button", "data-row": row.row, onclick: () => open(row) },
    picture,
    el("span", { class: "words" },
      el("span", { class: "who" }, el("span", {}, `Row ${row.row}`), el("span", {}, row.id === String(row.row) ? "" : row.id)),
      worst ? el("span", { class: "reasons" }, el("span", { class: `tag ${worst}` }, plural(found.length, "finding"))) : null,
      el("span", { class: "reasons" }, ...reasons)));
}

// ---- findings and columns -----------------------------------------------------------------------

function showFindings() {
  const found = data.findings.filter((one) => fits(one));
  const body = byId("findings").tBodies[0];
  body.replaceChildren(...found.slice(0, state.shown).map(findingRow));
  if (found.length === 0) body.append(el("tr", {}, el("td", { colspan: 6, class: "empty" }, data.findings.length ? "Nothing fits the filters." : "Nothing was found.")));
  byId("findings-count").textContent = filtering() ? `${found.length.toLocaleString("en")} of ${data.findings.length.toLocaleString("en")}` : data.findings.length.toLocaleString("en");
  byId("more").hidden = found.length <= state.shown;
  byId("more").textContent = `Show ${Math.min(PAGE * 4, found.length - state.shown).toLocaleString("en")} more of ${found.length.toLocaleString("en")}`;
  showKinds();
}

function showKinds() {
  const kinds = new Map();
  for (const one of data.findings) {
    if (!fits(one, "rule")) continue;
    const kind = kinds.get(one.rule) ?? { title: one.title, severity: one.severity, count: 0 };
    kind.count += 1;
    kinds.set(one.rule, kind);
  }
  byId("kinds").replaceChildren(...[...kinds].map(([rule, kind]) => el("button", { type: "button", "aria-pressed": state.rule === rule, onclick() {
    state.rule = state.rule === rule ? "" : rule;
    byId("by-rule").value = state.rule;
    refresh();
  } }, kind.title, " ", el("span", { class: `tag ${kind.severity}` }, kind.count.toLocaleString("en")))));
}

// What is invisible in a value is made visible.
function shownValue(text) {
  const parts = text.split(/([\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|[\u0000-\u001f\u007f-\u009f]|^[\s]+|[\s]+$|[^\S\n]{2,})/u);
  return parts.map((part, index) => index % 2 === 0 ? part : el("mark", {}, /^\s+$/u.test(part) ? "␣".repeat(part.length) : `U+${part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`));
}

function findingRow(one) {
  const what = el("td", {}, severityTag(one), " ", one.title, el("div", { class: "cure" }, one.cure));
  const where = one.row === null ? "all" : one.id === String(one.row) ? String(one.row) : `${one.row} · ${one.id}`;
  const time = one.time === null ? "" : ` at ${seconds(one.time)}`;
  const open_ = () => {
    const row = data.rows.find((candidate) => candidate.row === one.row);
    if (row) open(row, one.moment === null ? "" : String(one.moment));
  };
  const cell = el("td", { class: "value" });
  if (one.value !== null) cell.append(...shownValue(one.value));
  const line = el("tr", { tabindex: 0, "data-rule": one.rule, "data-row": one.row, onclick: open_ }, what, el("td", { class: "number" }, where), el("td", {}, one.field ?? ""), cell,
    el("td", {}, one.detail, el("div", { class: "cure" }, [one.element, time].join(" ").trim())), el("td", { class: "crop" }, one.crop ? el("img", { src: one.crop, alt: "", loading: "lazy" }) : null));
  line.addEventListener("keydown", (event) => { if (event.key === "Enter") open_(); });
  return line;
}

function showColumns() {
  byId("table-count").textContent = `${plural(data.table.length, "column")}, ${plural(data.list.rows + data.list.refused, "row")}`;
  const extreme = ([length, row]) => row ? `${length.toLocaleString("en")} ${length === 1 ? "character" : "characters"} (row ${row})` : "–";
  byId("columns").tBodies[0].replaceChildren(...data.table.map((column) => el("tr", {},
    el("td", {}, el("strong", {}, column.name)), el("td", { class: "number" }, column.count.toLocaleString("en")), el("td", { class: "number" }, column.missing.toLocaleString("en")),
    el("td", { class: "number" }, `${column.distinct_exact ? "" : "about "}${column.distinct.toLocaleString("en")}`), el("td", {}, extreme(column.shortest)), el("td", {}, extreme(column.longest)),
    el("td", {}, Object.entries(column.scripts).map(([name, count]) => `${name} ${count.toLocaleString("en")}`).join(", ")))));
}

// ---- one row ------------------------------------------------------------------------------------

function open(row, moment = "") {
  state.open = data.rows.indexOf(row);
  state.moment = moment in row.stills ? moment : mainMoment(row);
  showLook(row.clip !== null && moment === "");
  if (!byId("look").open) byId("look").showModal();
}

function showLook(playing) {
  const row = data.rows[state.open];
  const [width, height] = data.size;
  const picture = el("div", { class: "picture", style: `--ratio: ${width} / ${height}; --number: ${width / height}` });
  if (playing) picture.append(el("video", { src: row.clip, controls: true, autoplay: true, muted: true, loop: true }));
  else picture.append(el("img", { src: row.stills[state.moment], alt: `Row ${row.row}` }), outlines(row, state.moment));
  const bar = el("div", { class: "bar" });
  if (row.clip) bar.append(el("button", { type: "button", "aria-pressed": playing, onclick: () => showLook(true) }, icon("play"), " Clip"));
  for (const moment of Object.keys(row.stills)) {
    bar.append(el("button", { type: "button", "aria-pressed": !playing && moment === state.moment, onclick() { state.moment = moment; showLook(false); } }, seconds(data.times[moment])));
  }
  byId("stage").replaceChildren(el("div", { class: "fit" }, picture), bar);
  const found = findingsOf.get(row.row) ?? [];
  byId("side").replaceChildren(
    el("div", { class: "head" }, el("div", {}, el("strong", {}, `Row ${row.row}`), el("p", { class: "lead" }, row.id === String(row.row) ? "" : row.id)),
      el("button", { type: "button", class: "quiet", onclick: () => byId("look").close(), "aria-label": "Close" }, icon("close"))),
    el("h3", {}, "Chosen for"), el("div", { class: "reasons" }, ...row.reasons.map((reason) => {
      const kind = reason.startsWith("finding ") ? data.kinds[reason.slice(8)] : null;
      return el("span", { class: `tag ${kind ? kind.severity : ""}` }, kind ? kind.words : reason);
    })),
    el("h3", {}, found.length ? "Findings" : "No findings"),
    el("ul", {}, ...found.map((one) => el("li", {}, severityTag(one), one.title, el("p", {}, [one.field, one.detail, one.time === null ? null : `at ${seconds(one.time)}`].filter(Boolean).join(" · ")), el("p", {}, one.cure)))),
    el("h3", {}, "Values"),
    el("dl", {}, ...Object.entries(row.values).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, ...(value === "" ? [el("em", {}, "empty")] : shownValue(value)))))));
}

function step(by) {
  const rows = visibleRows();
  if (rows.length === 0) return;
  const at = rows.indexOf(data.rows[state.open]);
  open(rows[(at + by + rows.length) % rows.length]);
}

function nextMoment() {
  const moments = Object.keys(data.rows[state.open].stills);
  state.moment = moments[(moments.indexOf(state.moment) + 1) % moments.length];
  showLook(false);
}

function moveFocus(by) {
  const cards = [...document.querySelectorAll(".card")];
  if (cards.length === 0) return;
  const at = cards.indexOf(document.activeElement);
  cards[at < 0 ? 0 : Math.min(cards.length - 1, Math.max(0, at + by))].focus();
}

function theme(name) {
  document.documentElement.dataset.theme = name;
}

const KEYS = {
  ArrowRight: () => (byId("look").open ? step(1) : moveFocus(1)),
  ArrowLeft: () => (byId("look").open ? step(-1) : moveFocus(-1)),
  m: () => byId("look").open && nextMoment(),
  o: () => document.body.classList.toggle("no-outlines"),
  t: () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
  "/": () => byId("search").focus(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(?:INPUT|SELECT|VIDEO)$/.test(event.target.tagName)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const action = KEYS[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});
// The event comes later than the closing; it may be open again by then.
byId("look").addEventListener("close", () => { if (!byId("look").open) byId("stage").replaceChildren(); });
byId("look").addEventListener("click", (event) => { if (event.target === byId("look")) byId("look").close(); });
byId("theme").addEventListener("click", KEYS.t);
byId("more").addEventListener("click", () => { state.shown += PAGE * 4; showFindings(); });
byId("copy").addEventListener("click", () => {
  const done = () => { byId("copy").textContent = "Copied"; };
  if (navigator.clipboard) navigator.clipboard.writeText(byId("command").textContent).then(done, () => getSelection().selectAllChildren(byId("command")));
  else getSelection().selectAllChildren(byId("command"));
});
const dark = matchMedia("(prefers-color-scheme: dark)");
theme(dark.matches ? "dark" : "light");
dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
byId("theme").append(icon("theme"));
showHead();
fillFilters();
refresh();
showColumns();
