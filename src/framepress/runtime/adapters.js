// Animation libraries that know a clock of their own, by the registries of HyperFrames: what is listed there is
// put to each frame's time. Lottie: `__hfLottie`, and whatever `lottie` knows itself. anime.js: `__hfAnime`, and
// what `anime` runs. Three.js: `__hfThreeTime` is the time in seconds, for `hf-seek` listeners and animation
// frames. D3: transitions in `__hfD3` are waited for before frame 0; others run on the clip's clock.

const ended = new WeakSet();
const awaited = new WeakSet();

function listed(name) {
  const list = window[name];
  return Array.isArray(list) ? list.filter((one) => one && typeof one === "object") : [];
}

function lotties() {
  const own = window.lottie?.getRegisteredAnimations?.() ?? [];
  return [...new Set([...listed("__hfLottie"), ...own])];
}

function animes() {
  return [...new Set([...listed("__hfAnime"), ...(Array.isArray(window.anime?.running) ? window.anime.running : [])])];
}

// Libraries that need time to pass before they are ready.
function settling() {
  const names = lotties().filter((one) => one.isLoaded === false).map(() => "lottie");
  for (const transition of listed("__hfD3")) {
    if (typeof transition.end !== "function" || ended.has(transition)) continue;
    names.push("d3");
    if (awaited.has(transition)) continue;
    awaited.add(transition);
    const done = () => ended.add(transition);
    native.Promise.resolve(transition.end()).then(done, done);
  }
  return names;
}

function seekAdapters(timeS) {
  window.__hfThreeTime = timeS;
  for (const one of lotties()) guarded(() => seekLottie(one, Math.max(0, timeS - timedStartOf(one.wrapper ?? one.canvas))));
  for (const one of animes()) {
    guarded(() => {
      one.pause?.();
      one.seek?.(Math.max(0, timeS) * 1000);
    });
  }
}

function guarded(step) {
  try {
    step();
  } catch (error) {
    report(error);
  }
}

// lottie-web counts frames from 0 to `totalFrames`; dotLottie players have setters of their own.
function seekLottie(one, localS) {
  const rate = one.frameRate ?? 30;
  const frames = one.totalFrames ?? 0;
  const loops = one.loop === true;
  let frame = localS * rate;
  if (frames > 0) frame = loops ? frame % frames : Math.min(frame, frames - 1);
  if (typeof one.goToAndStop === "function") one.goToAndStop(frame, true);
  else if (typeof one.setFrame === "function") one.setFrame(frame);
  else if (typeof one.setCurrentRawFrameValue === "function") one.setCurrentRawFrameValue(frame);
}

function adaptersEndS() {
  let end = 0;
  for (const one of lotties()) {
    const lengthS = (one.totalFrames ?? 0) / (one.frameRate ?? 30);
    if (one.loop !== true && Number.isFinite(lengthS)) end = Math.max(end, timedStartOf(one.wrapper) + lengthS);
  }
  for (const one of animes()) {
    const lengthS = Number(one.duration) / 1000;
    if (Number.isFinite(lengthS) && lengthS < 3600) end = Math.max(end, lengthS);
  }
  return end;
}
