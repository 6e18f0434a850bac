// Renders the rows of one batch with the bundle made and the browser open before the clock starts.
//
// usage: node render.mjs JOB.json
// A job is {entry, bundle, browser, rows: [{name, points, out}], crf, concurrency, parallel, stills: {frames, folder} | null}.
// Standard output: the line READY when warm; then it waits for a line on standard input, renders, and prints DONE.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { bundle } from "@remotion/bundler";
import { openBrowser, renderMedia, renderStill, selectComposition } from "@remotion/renderer";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const logLevel = "error";

if (!existsSync(`${job.bundle}/index.html`)) {
  mkdirSync(job.bundle, { recursive: true });
  await bundle({ entryPoint: job.entry, outDir: job.bundle, enableCaching: false });
}
const puppeteerInstance = await openBrowser("chrome", { browserExecutable: job.browser, logLevel });
const shared = { serveUrl: job.bundle, puppeteerInstance, browserExecutable: job.browser, logLevel };

async function inputOf({ name, points }) {
  const inputProps = { name, points };
  return { ...shared, inputProps, composition: await selectComposition({ ...shared, id: "card", inputProps }) };
}

async function renderClip(row, extra = {}) {
  await renderMedia({
    ...(await inputOf(row)),
    codec: "h264",
    crf: job.crf,
    concurrency: job.concurrency,
    outputLocation: row.out,
    ...extra,
  });
}

async function renderStills(row, { frames, folder }) {
  const input = await inputOf(row);
  for (const frame of frames) {
    await renderStill({ ...input, frame, imageFormat: "png", output: `${folder}/${frame}.png` });
  }
}

async function renderAll(rows) {
  const waiting = [...rows];
  async function take() {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      await renderClip(row);
    }
  }
  await Promise.all(Array.from({ length: job.parallel }, take));
}

if (job.stills === null) {
  await renderClip({ name: "Warm", points: "0", out: `${job.bundle}/../warm.mp4` }, { frameRange: [0, 29] });
}
console.log("READY");
await createInterface({ input: process.stdin })[Symbol.asyncIterator]().next();
if (job.stills === null) {
  await renderAll(job.rows);
} else {
  await renderStills(job.rows[0], job.stills);
}
console.log("DONE");
await puppeteerInstance.close({ silent: true });
process.exit(0);
