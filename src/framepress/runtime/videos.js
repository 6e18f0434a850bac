// Videos are shown frame by frame, as posters of their own element; see `page_videos.py`.

const STAND_IN = "video[data-framepress-video]";
const FRAME_FOLDER = "/__framepress__/video/";

// `asked`: the frame of this moment, by its address, of each video. `held`: nobody is going to look at any of them.
const videos = { asked: new WeakMap(), held: false };

function holdVideos(held) {
  videos.held = held;
}

function installVideos() {
  // There is nothing to play; a page that waits for it must not wait for ever, nor count as failed.
  const { play } = HTMLMediaElement.prototype;
  replace(HTMLMediaElement.prototype, "play", function start() {
    return this.matches(STAND_IN) ? native.Promise.resolve() : play.call(this);
  });
}

// Whether nothing of a video is going to be seen: its frames, of some megabytes each, need not be loaded then.
function isOutOfSight(video) {
  if (videos.held) return true;
  return layers.shown === "personal" && !layers.personal.some((place) => elementAt(place)?.contains(video));
}

// Ask for the frames of this moment, in milliseconds with three digits. Hidden ones wait.
function seekVideos(timeS) {
  for (const video of document.querySelectorAll(STAND_IN)) {
    if (video.hasAttribute(OFF) || video.hasAttribute(GONE)) continue;
    const address = `${FRAME_FOLDER}${video.getAttribute("data-framepress-video")}/${(timeS * 1000).toFixed(3)}`;
    videos.asked.set(video, address);
    if (isOutOfSight(video)) continue;
    if (video.getAttribute("poster") !== address) video.setAttribute("poster", address);
  }
}

// Videos that Chromium would play by its own clock: made by a script, or in a document of a frame.
function playingVideos() {
  return [...document.querySelectorAll("video")]
    .filter((video) => video.hasAttribute("src") || video.querySelector("source[src]") || video.srcObject)
    .map((video) => ({ kind: "video", message: "", url: video.currentSrc || video.src, line: 0, column: 0 }));
}
