// What decides the picture of a personal element at a moment, beside its look and those of the elements around it, as one
// number: at two moments of one number it shows one picture, whatever was before (a counter at the same number in
// another row). 0: that is not known.

// `wide`: since the layers were said, something was touched for which a rule may ask elsewhere; see `touched.js`.
// `rules`: the text of all style sheets when they were `sheets`. `fonts`: those that were there when the
// layers were said (`fontsThere`).
const moments = { wide: false, sheets: null, rules: "", fonts: 0 };

const DATA_ATTRIBUTE = / (data-[\w-]+)="[^"]*"/g;

function noteMoment({ targets, wide }) {
  moments.wide ||= wide;
  // One rule may have taken another's place.
  if (!kept.can || (moments.sheets === kept.sheets && targets !== null)) return;
  const rules = allSheets().flatMap(rulesWithin).map((rule) => rule.cssText).join("");
  Object.assign(moments, { sheets: kept.sheets, rules });
}

// `marks`: of all that it shows.
function momentOf(root, marks) {
  // Styles may change without a trace; files, numbers, shadow trees and fonts that come or go are told of by no markup.
  if (!kept.can || marks !== 0 || shadowRoots.size > 0 || layers.fonts !== moments.fonts) return 0;
  const markup = root.outerHTML;
  const state = { a: 17, b: 19 };
  // Marks of ours, and values for scripts, which change text and styles by them.
  const isBare = !markup.includes("attr(");
  hashInto(state, markup.replace(DATA_ATTRIBUTE, (whole, name) => (
    name.startsWith(LAYER_MARK) || (isBare && !moments.rules.includes(name)) ? "" : whole)));
  for (const [animation, { timeMs }] of animations) {
    const target = animation.effect?.target;
    if (!target || !(root.contains(target) || target.contains(root))) continue;
    hashInto(state, `${animation.animationName ?? animation.id} ${animation.effect.pseudoElement} ${timeMs}`);
  }
  // What a rule asks for elsewhere may be another at another time.
  if (moments.wide) hashInto(state, `at ${clock.nowMs}`);
  return hashNumber(state) || 1;
}
