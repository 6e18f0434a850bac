// Only in a preview: the page is in a frame of ours, in a browser with a clock of its own. Until the driver has
// taken hold of them, animations stand still; one that ended meanwhile would be lost.
if (config.preview) {
  const hold = new CSSStyleSheet();
  hold.replaceSync("*, *::before, *::after { animation-play-state: paused !important; transition: none !important; }");
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, hold];
  document.currentScript?.remove();
  Object.defineProperty(window, "__framepressPreview", { value: Object.freeze({
    release() { document.adoptedStyleSheets = document.adoptedStyleSheets.filter((sheet) => sheet !== hold); },
  }) });
}
