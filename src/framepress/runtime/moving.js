// Pictures that move by themselves are shown frame by frame, by an address for each; see `moving_pictures.py`.

const MOVING = "img[data-framepress-moving]";
const MOVING_FOLDER = "/__framepress__/moving/";

// The number of the frame that is shown at a moment of the picture's own time.
function frameOfMoving(ends, rounds, timeMs) {
  const length = ends.at(-1);
  // As close to a frame's beginning as this, it has begun: moments are sums of fractions.
  const nowMs = Math.max(0, timeMs) + SAME_MOMENT_S * 1000;
  if (rounds > 0 && nowMs >= length * rounds) return ends.length - 1;
  const inRound = nowMs % length;
  return Math.max(0, ends.findIndex((end) => inRound < end));
}

// Ask for the pictures of this moment. Hidden ones wait; those that a script gave another address are its own.
function seekMoving(timeS) {
  for (const image of document.querySelectorAll(MOVING)) {
    if (image.hasAttribute(OFF) || image.hasAttribute(GONE)) continue;
    const now = image.getAttribute("src") ?? "";
    if (!now.startsWith(MOVING_FOLDER)) continue;
    const timeMs = Math.max(0, timeS - timedStartOf(image)) * 1000;
    const ends = image.getAttribute("data-framepress-ends").split(" ").map(Number);
    const rounds = Number(image.getAttribute("data-framepress-rounds"));
    const isSvg = image.getAttribute("data-framepress-ends") === "";
    const moment = isSvg ? timeMs.toFixed(3) : frameOfMoving(ends, rounds, timeMs);
    const address = `${MOVING_FOLDER}${image.getAttribute("data-framepress-moving")}/${moment}`;
    if (now !== address) image.setAttribute("src", address);
  }
}
