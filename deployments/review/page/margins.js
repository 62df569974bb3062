// The margins of the joint space over a joint: measured ones shown, or drawn line by line with pen, finger or mouse.

import { drag, make, place } from "./svg.js";

export const LINES = [["medial", "femoral"], ["medial", "tibial"], ["lateral", "femoral"], ["lateral", "tibial"]];

export class Margins {
  constructor(saved) {
    Object.assign(this, { saved, lines: null, chosen: null });
  }

  // Lines in pixels of the film as displayed: {medial: {femoral: [[x, y]…], tibial}, lateral}.
  show(svg, lines) {
    this.svg = svg;
    this.lines = lines && structuredClone(lines);
    this.layer = make("g");
    svg.append(this.layer);
    svg.onpointerdown = (event) => this.press(event);
    this.draw();
  }

  choose(line) {
    this.chosen = line;
    this.svg?.classList.toggle("drawing", line !== null);
    this.draw();
  }

  draw() {
    if (!this.layer) return;
    this.layer.replaceChildren();
    LINES.forEach(([part, bone], number) => {
      const points = this.lines?.[part]?.[bone];
      if (points?.length) this.layer.append(make("polyline", { class: `margin ${bone} ${number === this.chosen ? "chosen" : ""}`, points: points.join(" ") }));
    });
  }

  press(event) {
    if (this.chosen === null || event.button !== 0) return;
    const [part, bone] = LINES[this.chosen], points = [place(this.svg, event)];
    const before = this.lines?.[part]?.[bone];
    this.lines ??= {};
    this.lines[part] ??= {};
    const move = (next) => {
      points.push(place(this.svg, next));
      this.lines[part][bone] = points;
      this.draw();
    };
    drag(this.svg, event, move, (done) => {
      this.lines[part][bone] = done && points.length > 2 ? simplify(points) : before;
      this.draw();
    });
  }

  shift(dy) {
    const [part, bone] = LINES[this.chosen];
    this.lines[part][bone] = this.lines[part][bone].map(([x, y]) => [x, y + dy]);
    this.draw();
  }

  missing() {
    return LINES.filter(([part, bone]) => !(this.lines?.[part]?.[bone]?.length > 1)).map((line) => line.join(" "));
  }
}

// From left to right, one point a place, at most two hundred.
function simplify(points) {
  const sorted = [...points].sort((a, b) => a[0] - b[0]).filter(([x], at, all) => !at || x - all[at - 1][0] > 0.3);
  const step = Math.ceil(sorted.length / 200);
  return sorted.filter((_, at) => at % step === 0 || at === sorted.length - 1);
}
