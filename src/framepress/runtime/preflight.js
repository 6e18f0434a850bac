// What a page looks like at one moment, as numbers: where text is and what cuts it, how pictures are scaled.
// Judging is done elsewhere. All lengths in CSS pixels of the page, boxes as [left, top, right, bottom].

const PICTURE = "img, image";

// Text that is fainter than this is on its way in or out.
const FAINT = 0.05;

// Red, green, blue and alpha of any computed colour, 0 to 255.
function colourOf(text) {
  let colour = pen.colours.get(text);
  if (!colour) {
    const context = penContext();
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = text;
    context.fillRect(0, 0, 1, 1);
    colour = [...context.getImageData(0, 0, 1, 1).data];
    pen.colours.set(text, colour);
  }
  return colour;
}

function opacityOf(element) {
  let opacity = 1;
  for (let at = element; at; at = at.parentElement ?? at.getRootNode().host) opacity *= Number(getComputedStyle(at).opacity);
  return opacity;
}

function clips(style) {
  return { x: style.overflowX !== "visible", y: style.overflowY !== "visible", all: /paint|content|strict/.test(style.contain) };
}

// The box that is left of an element by all that clips it: its own box and those of its ancestors, up to the root,
// whose edge is that of the picture. `ellipsis`: one of them ends its lines with one.
function clipOf(element, isText) {
  let clip = null;
  let ellipsis = false;
  let at = isText ? element : element.parentElement;
  let fixed = getComputedStyle(element).position === "fixed";
  for (; at && at !== page.root && at !== document.body && at !== document.documentElement; at = at.parentElement) {
    const style = getComputedStyle(at);
    const { x, y, all } = clips(style);
    if (!fixed && (x || y || all) && style.display !== "inline") {
      const box = at.getBoundingClientRect();
      const scale = at.offsetWidth ? box.width / at.offsetWidth : 1;
      const inner = [
        x || all ? box.left + at.clientLeft * scale : -1e6, y || all ? box.top + at.clientTop * scale : -1e6,
        x || all ? box.left + (at.clientLeft + at.clientWidth) * scale : 1e6,
        y || all ? box.top + (at.clientTop + at.clientHeight) * scale : 1e6,
      ];
      clip = intersected(clip, inner);
      ellipsis ||= style.textOverflow === "ellipsis" && x && at.scrollWidth > at.clientWidth;
      ellipsis ||= style.webkitLineClamp !== "none" && at.scrollHeight > at.clientHeight + 1;
    }
    fixed ||= style.position === "fixed";
  }
  return { clip, ellipsis };
}

// Lines that fit into the nearest box around the text whose height the author has set; null: there is none.
function roomOf(element) {
  for (let at = element; at && at !== page.root && at !== document.body; at = at.parentElement) {
    const map = at.computedStyleMap?.();
    if (!map || getComputedStyle(at).display === "inline") continue;
    for (const name of ["height", "max-height"]) {
      const height = map.get(name);
      if (height && "value" in height && !(height instanceof CSSKeywordValue)) {
        const style = getComputedStyle(element);
        const line = Number.parseFloat(style.lineHeight) || 1.2 * Number.parseFloat(style.fontSize);
        return Math.floor((at.clientHeight + 1) / line);
      }
    }
  }
  return null;
}

// Pieces of text side by side are one line, whatever their heights.
function linesOf(rects, ink) {
  const full = ink.fontAbove + ink.fontBelow;
  const lines = [];
  for (const rect of rects) {
    const scale = full > 0 ? rect.height / full : 1;
    const base = rect.top + ink.fontAbove * scale;
    const box = [rect.left, base - ink.above * scale, rect.right, base + ink.below * scale];
    const last = lines.at(-1);
    if (last && Math.abs(last.base - base) < rect.height / 2) last.box = joined(last.box, box);
    else lines.push({ base, box });
  }
  return lines.map(({ box }) => box);
}

function textFact(element, place, style) {
  const text = ownText(element);
  const opacity = opacityOf(element);
  if (opacity < FAINT) return null;
  const rects = textRects(element, false).filter(({ width, height }) => width > 0.5 && height > 0.5);
  if (rects.length === 0) return null;
  const ink = inkOfText(text, style);
  const lines = linesOf(rects, ink);
  const { clip, ellipsis } = clipOf(element, true);
  const size = Number.parseFloat(style.fontSize);
  const rotated = /^matrix\(/.test(style.transform) && Math.abs(Number(style.transform.slice(7).split(",")[1])) > 0.01;
  return {
    place, text, lines, clip,
    ellipsis: ellipsis || element.hasAttribute("data-framepress-truncated"),
    room: roomOf(element), size,
    width: lines.reduce((total, box) => total + box[2] - box[0], 0),
    font: `${style.fontStyle} ${style.fontWeight} 40px ${style.fontFamily}`,
    colour: colourOf(style.webkitTextFillColor), opacity,
    plain: style.textShadow === "none" && style.webkitTextStrokeWidth === "0px" && !style.backgroundClip.includes("text"),
    turned: rotated || style.writingMode !== "horizontal-tb",
    flow: /^(?:inline|contents|ruby)/.test(style.display) ? placeOfBlock(element) : place,
  };
}

// Inline elements of one paragraph do not lie over each other, whatever their boxes say.
function placeOfBlock(element) {
  let at = element;
  while (at.parentElement && /^(?:inline|contents|ruby)/.test(getComputedStyle(at).display)) at = at.parentElement;
  return facts.places.get(at) ?? "";
}

function pictureFact(element, place, style) {
  const width = element.naturalWidth ?? 0;
  const height = element.naturalHeight ?? 0;
  const box = element.getBoundingClientRect();
  if (!width || !height || box.width < 2 || box.height < 2 || opacityOf(element) < FAINT) return null;
  const scaleX = box.width / width;
  const scaleY = box.height / height;
  const fit = style.objectFit;
  let shown = [box.width, box.height];
  if (fit === "cover") shown = [width * Math.max(scaleX, scaleY), height * Math.max(scaleX, scaleY)];
  if (fit === "contain") shown = [width * Math.min(scaleX, scaleY), height * Math.min(scaleX, scaleY)];
  if (fit === "none") shown = [width, height];
  if (fit === "scale-down") shown = [width * Math.min(1, scaleX, scaleY), height * Math.min(1, scaleX, scaleY)];
  const source = element.currentSrc || element.src || "";
  return {
    place, natural: [width, height], shown, box: [box.left, box.top, box.right, box.bottom],
    clip: clipOf(element, false).clip, vector: /\.svg(?:[?#]|$)|^data:image\/svg/i.test(source),
    source: source.startsWith("data:") ? `data:${source.length}:${source.slice(-40)}` : source,
  };
}

// The parts of a computed list; commas in brackets and quotes separate nothing.
function listParts(text) {
  const parts = [];
  let depth = 0;
  let quoted = false;
  let from = 0;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === "\\") at += 1;
    else if (letter === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (letter === "(") depth += 1;
    else if (letter === ")") depth -= 1;
    else if (letter === "," && depth === 0) {
      parts.push(text.slice(from, at).trim());
      from = at + 1;
    }
  }
  return [...parts, text.slice(from).trim()];
}

// Files that are painted behind an element. What size such a file has the page does not tell; who judges looks it up.
function backgroundFacts(element, place, style) {
  const box = element.getBoundingClientRect();
  if (box.width < 2 || box.height < 2 || opacityOf(element) < FAINT) return [];
  const sizes = listParts(style.backgroundSize);
  return listParts(style.backgroundImage).flatMap((image, index) => {
    const match = /^url\("((?:[^"\\]|\\.)*)"\)$/.exec(image);
    if (!match || match[1].startsWith("data:")) return [];
    const source = match[1].replace(/\\(.)/g, "$1");
    return [{
      place, natural: [0, 0], shown: [0, 0], box: [box.left, box.top, box.right, box.bottom], clip: clipOf(element, false).clip,
      vector: /\.svg(?:[?#]|$)/i.test(source), source, fill: sizes[index % sizes.length],
      // A transform scales the file along with the box.
      scale: element.offsetWidth ? box.width / element.offsetWidth : 1,
    }];
  });
}

const facts = { places: new Map() };

function meets(box, texts) {
  return texts.some(({ lines }) => lines.some((line) => box.left < line[2] && line[0] < box.right && box.top < line[3] && line[1] < box.bottom));
}

// Every text and picture that is seen now, and what elements paint that text lies on, and where; with `everyBox` all
// of them, which takes half as long again.
function layoutFacts(everyBox = false) {
  noteFonts();
  const elements = allElements();
  facts.places = new Map(elements);
  const texts = [];
  const pictures = [];
  const boxes = [];
  const seen = [];
  for (const [element, place] of elements) {
    if (!hasBox(element)) continue;
    const style = getComputedStyle(element);
    if (style.visibility !== "visible") continue;
    if (ownText(element) !== "") {
      const fact = textFact(element, place, style);
      if (fact) texts.push(fact);
    }
    if (element.matches(PICTURE)) {
      const fact = pictureFact(element, place, style);
      if (fact) pictures.push(fact);
    } else if (style.backgroundImage.includes("url(")) pictures.push(...backgroundFacts(element, place, style));
    seen.push([element, place, style]);
  }
  const definitions = definitionsNumber();
  for (const [element, place, style] of seen) {
    const box = element.getBoundingClientRect();
    if (!(everyBox || meets(box, texts)) || !paintsBox(element, style)) continue;
    boxes.push([place, groundNumber(element, style, definitions), box.left, box.top, box.right, box.bottom]);
  }
  const box = page.root?.getBoundingClientRect();
  return { root: box ? [box.left, box.top, box.right, box.bottom] : null, texts, pictures, boxes };
}

// Whether elements are where they were: text and pictures by place, each as one number. Cheap enough for many moments.
function standing() {
  const found = {};
  for (const [element, place] of allElements()) {
    if (!hasBox(element) || !(element.matches(PICTURE) || ownText(element) !== "")) continue;
    if (getComputedStyle(element).visibility !== "visible") continue;
    const opacity = opacityOf(element);
    if (opacity < FAINT) continue;
    const state = { a: 0x811c9dc5, b: 0x9e3779b9 };
    const box = element.getBoundingClientRect();
    hashInto(state, `${ownText(element)}|${[box.x, box.y, box.width, box.height].map(Math.round)}|${opacity.toFixed(2)}`);
    found[place] = hashNumber(state);
  }
  return found;
}

// Text without its ink, to see what is behind it: shadows and strokes stay.
const INKLESS = "data-framepress-inkless";
const inkless = { sheet: null };

function hideText(places) {
  if (!inkless.sheet) {
    inkless.sheet = new CSSStyleSheet();
    const hidden = "color: transparent !important; -webkit-text-fill-color: transparent !important; transition: none !important;";
    inkless.sheet.replaceSync(`:root [${INKLESS}] { ${hidden} }`);
  }
  if (!document.adoptedStyleSheets.includes(inkless.sheet)) {
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, inkless.sheet];
  }
  for (const element of document.querySelectorAll(`[${INKLESS}]`)) element.removeAttribute(INKLESS);
  for (const place of places) elementAt(place)?.setAttribute(INKLESS, "");
}

// What a person takes for one character.
function clustersOf(text) {
  return [...new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text)].map(({ segment }) => segment);
}

// Which of these clusters of characters come out as the box that stands for "no glyph": a cluster is compared,
// pixel by pixel, with a code point that will never be a character.
const NO_CHARACTER = "\u{10FFFF}";

function missingGlyphs(font, clusters) {
  const canvas = document.createElement("canvas");
  canvas.width = 64;
  canvas.height = 64;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const drawn = (text) => {
    context.clearRect(0, 0, 64, 64);
    context.font = font;
    context.fillText(text, 4, 48);
    return context.getImageData(0, 0, 64, 64).data.join();
  };
  const empty = drawn(" ");
  const box = drawn(NO_CHARACTER);
  return clusters.filter((cluster) => {
    const picture = drawn(cluster);
    return picture === box && picture !== empty;
  });
}

// Text in a place of its own, one element per cluster, so that Chromium can be asked which fonts it took.
function showClusters(font, clusters) {
  const stand = document.createElement("div");
  stand.id = "framepress-clusters";
  stand.style.cssText = "all: initial; position: fixed; left: 0; top: 0; visibility: hidden";
  stand.style.font = font;
  for (const cluster of clusters) {
    const part = document.createElement("span");
    part.textContent = cluster;
    stand.append(part, " ");
  }
  document.body.append(stand);
  stand.getBoundingClientRect();
}

function hideClusters() {
  document.getElementById("framepress-clusters")?.remove();
}
