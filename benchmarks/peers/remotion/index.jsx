import { Composition, registerRoot } from "remotion";
import { Card } from "./card.jsx";

function Root() {
  return (
    <Composition
      id="card"
      component={Card}
      width={1920}
      height={1080}
      fps={30}
      durationInFrames={180}
      defaultProps={{ name: "Ada", points: "1284" }}
    />
  );
}

registerRoot(Root);
