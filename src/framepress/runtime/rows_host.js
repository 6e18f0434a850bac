// The page around a row's frame: writes rows into it and asks their driver, several questions in one call. Answers are
// text, which is a tenth of the work for everybody on their way.
globalThis.__framepressRows = (() => {
  const driver = () => frames[0]?.__framepress;

  // A new, empty frame in the place of the one before; `at`: where in the document the driver's script goes. Ends when all
  // that the document itself asks for is there.
  async function write(html, at, script) {
    if (script !== null) globalThis.__framepressRows.script = script;
    for (const old of document.querySelectorAll("iframe")) old.remove();
    const frame = document.createElement("iframe");
    document.body.append(frame);
    const written = frame.contentDocument;
    const loaded = new Promise((resolve) => { frame.addEventListener("load", resolve, { once: true }); });
    written.open();
    written.write(html.slice(0, at) + globalThis.__framepressRows.script + html.slice(at));
    written.close();
    await loaded;
    return null;
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

  function seen(told) {
    const still = told.pending.length + told.errors.length === 0;
    return JSON.stringify({ stateful: told.stateful, errors: told.errors, facts: still ? driver().layoutFacts(false) : null });
  }

  return {
    write, ready,
    look: async (timeS, frame) => seen(await driver().seek(timeS, frame)),
    lookAgain: async () => {
      await driver().drainTasks();
      return seen(driver().settled());
    },
  };
})();
