// The card of ../framepress/card.html as a Remotion component: card.css is the same file, motion.css said in JavaScript.
import { useEffect, useState } from "react";
import { continueRender, delayRender, Easing, interpolate, useCurrentFrame, useVideoConfig } from "remotion";
import "./card.css";

const clamp = { extrapolateLeft: "clamp", extrapolateRight: "clamp" };

function useCardFont() {
  const [handle] = useState(() => delayRender("card font"));
  useEffect(() => {
    Promise.all(["700 132px", "400 52px"].map((font) => document.fonts.load(`${font} "Card Inter"`))).then(() =>
      continueRender(handle),
    );
  }, [handle]);
}

export function Card({ name, points }) {
  useCardFont();
  const { fps } = useVideoConfig();
  const seconds = useCurrentFrame() / fps;
  const drift = interpolate(seconds, [0, 6], [-1, 1], clamp);
  const arrive = interpolate(seconds, [0.2, 1], [0, 1], { ...clamp, easing: Easing.bezier(0.16, 1, 0.3, 1) });
  const appear = interpolate(seconds, [0.8, 1.4], [0, 1], clamp);
  const grow = interpolate(seconds, [1, 5], [0, 1], { ...clamp, easing: Easing.bezier(0.4, 0, 0.2, 1) });
  return (
    <div className="card">
      <div className="glow" style={{ transform: `translate(${90 * drift}px, ${30 * drift}px)` }} />
      <div className="headline" style={{ opacity: arrive, transform: `translateY(${80 * (1 - arrive)}px)` }}>
        Well done, {name}!
      </div>
      <div className="line" style={{ opacity: appear }}>
        You collected {points} points this season.
      </div>
      <div className="track">
        <div className="bar" style={{ width: `${1008 * grow}px` }} />
      </div>
    </div>
  );
}
