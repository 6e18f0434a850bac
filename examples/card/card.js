// Shared by card.html and template.html. Everything shown is a function of the time that `hf-seek` brings, so
// frames may be asked for in any order. Seconds throughout; lengths in CSS pixels.
(() => {
  "use strict";
  const number = new Intl.NumberFormat("en-US");
  // The cubic that cubic-bezier(0.65, 0, 0.35, 1) follows, so numbers keep step with bars drawn by CSS.
  const ease = (x) => (x <= 0 ? 0 : x >= 1 ? 1 : x < 0.5 ? 4 * x ** 3 : 1 - (2 - 2 * x) ** 3 / 2);

  // <… data-count="1284" data-from="1.2" data-to="3.2">: counts up between two moments.
  const counters = [...document.querySelectorAll("[data-count]")].map((element) => ({
    element,
    target: Number(element.dataset.count),
    from: Number(element.dataset.from),
    to: Number(element.dataset.to),
  }));
  const show = (time) => {
    for (const { element, target, from, to } of counters) {
      const text = number.format(Math.round(target * ease((time - from) / (to - from))));
      if (element.textContent !== text) element.textContent = text;
    }
  };

  // <… class="fit" data-min="44">: the largest size, from the one in the style sheet down to data-min, at which
  // the text fits its parent's box without breaking a word. Below that, words may break.
  const fit = (element) => {
    const box = element.parentElement;
    const largest = Number.parseFloat(getComputedStyle(element).fontSize);
    const fits = (size) => {
      element.style.fontSize = `${size}px`;
      return element.scrollWidth <= box.clientWidth && element.offsetHeight <= box.clientHeight;
    };
    let low = Number(element.dataset.min);
    let high = Math.floor(largest);
    if (fits(high)) return;
    if (!fits(low)) {
      element.style.overflowWrap = "anywhere";
      while (low > 16 && !fits(low)) low -= 2;
      return;
    }
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (fits(middle)) low = middle;
      else high = middle;
    }
    fits(low);
  };

  // How far it is to the next tier, in words; numbers in {braces} of the attribute texts are filled in.
  for (const element of document.querySelectorAll("[data-points]")) {
    const { points, goal, short, reached } = element.dataset;
    const left = Number(goal) - Number(points);
    element.textContent = left > 0 ? short.replace("{left}", number.format(left)) : reached;
  }
  for (const element of document.querySelectorAll(".number")) {
    element.textContent = number.format(Number(element.textContent));
  }

  const texts = [...document.querySelectorAll(".fit")];
  const ready = Promise.all(
    texts.map((element) => {
      const { fontWeight, fontFamily } = getComputedStyle(element);
      return document.fonts.load(`${fontWeight} 100px ${fontFamily}`, element.textContent);
    }),
  ).then(() => texts.forEach(fit));

  window.addEventListener("hf-seek", (event) => {
    event.detail.waitUntil?.(ready);
    show(event.detail.time);
  });
  show(0);
})();
