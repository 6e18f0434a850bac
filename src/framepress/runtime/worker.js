// The clock of a worker of the page; its time is pushed from the page's driver, frame by frame.

replace(globalThis, "__framepress", {
  async seek(timeMs, frameIndex) {
    if (!clock.started) setClockToZero();
    seedRandom(`${config.seed}:${frameIndex}`);
    await runTimers(timeMs);
    await runFrameCallbacks();
    return true;
  },
});
