// The page around a row's frame: writes rows into it and asks their driver, several questions in one call. Answers are
// text, which is a tenth of the work for everybody on their way.
globalThis.__framepressRows = (() => {
  const kept = { frame: null, script: "" };
  const driver = () => kept.frame?.contentWindow.__framepress;

  // A new, empty frame in the place of the one before. Its document is there at once and stays the one that is
  // written into.
  function makeRoom() {
    kept.frame?.remove();
    kept.frame = document.createElement("iframe");
    document.body.append(kept.frame);
    return null;
  }

  // Writes a document; `at`: where in it the driver's script goes. Ends when all that the document itself asks for is
  // there, and the page has had loading time as far as nothing comes of it.
  async function write(html, at, script, stepMs, steps) {
    if (script !== null) kept.script = script;
    const { frame } = kept;
    const written = frame.contentDocument;
    const loaded = new Promise((resolve) => { frame.addEventListener("load", resolve, { once: true }); });
    written.open();
    written.write(html.slice(0, at));
    if (written.head) {
      // Not through the parser, for which it is ten times as long as most documents.
      const first = written.createElement("script");
      first.textContent = kept.script;
      written.head.append(first);
      written.write(html.slice(at));
    } else written.write(`<script>${kept.script}</script>${html.slice(at)}`);
    written.close();
    await loaded;
    return ready(stepMs, steps);
  }

  const stillUp = (status) => status.loaded && status.pending.length + status.errors.length === 0;

  // Loading time for a page that may still register a timeline, as far as nothing comes of it.
  async function ready(stepMs, steps) {
    if (!driver()) return null;
    let done = 0;
    let status = driver().status();
    while (done < steps && stillUp(status) && status.callbacks === 0 && status.settling.length === 0 && status.missingTimelines.length > 0) {
      await driver().runLoading(stepMs);
      done += 1;
      status = driver().status();
    }
    return JSON.stringify({ done, ...status });
  }

  function seen(told, everyBox) {
    const still = told.pending.length + told.errors.length === 0;
    return { stateful: told.stateful, errors: told.errors, facts: still ? driver().layoutFacts(everyBox) : null };
  }

  // Begins a page that is ready, and looks at its moments, [seconds, frame], if it ends where such pages do; up to the
  // first at which there is something to wait for.
  async function begin(moments, endS) {
    const info = driver().begin();
    const looks = [];
    for (const [timeS, frame] of info.endS === endS ? moments : []) {
      const look = seen(await driver().seek(timeS, frame), false);
      looks.push(look);
      if (look.facts === null || look.stateful.length > 0) break;
    }
    return JSON.stringify({ info, looks });
  }

  return {
    makeRoom, write, ready, begin,
    look: async (timeS, frame, everyBox) => JSON.stringify(seen(await driver().seek(timeS, frame), everyBox)),
    lookAgain: async (everyBox) => {
      await driver().drainTasks();
      return JSON.stringify(seen(driver().settled(), everyBox));
    },
  };
})();
