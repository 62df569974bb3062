// The film with its boxes: the knee's own can be moved and resized by pointer or keys, or drawn anew.

import { drag, make, picture, place } from "./svg.js";

const NARROWEST = 0.62, SMALLEST = 24, LETTER = { 1: "R", 2: "L" }, NAME = { 1: "right", 2: "left" };

export class Film {
  constructor(svg, { moved, picked }) {
    Object.assign(this, { svg, moved, picked, boxes: {}, size: [1, 1] });
    svg.addEventListener("pointerdown", (event) => this.press(event));
    svg.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.layer && this.draw()).observe(svg);
  }

  show(address, facts, side) {
    // What is shown again, as an act was recorded, keeps the keys; those of another knee are not meant for its box.
    const focused = this.hasFocus() && address === this.source && side === this.side;
    this.svg.replaceChildren();
    Object.assign(this, { source: address, side });
    this.boxes = {};
    if (!facts.film) return;
    const { width, height, look } = facts.film;
    this.size = [width, height];
    this.address = `${address}-${look}`;
    for (const [name, { box, drawn }] of Object.entries(facts.boxes ?? {})) this.boxes[name] = { box: [...box], drawn };
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.append(picture(this.address, [0, 0, width, height]), (this.layer = make("g")));
    this.draw(focused);
  }

  hasFocus() { return Boolean(document.activeElement?.classList?.contains("own")); }

  // Boxes above the picture; the own one last, so that it is on top.
  draw(focused = this.hasFocus()) {
    this.layer.replaceChildren();
    const sides = Object.keys(this.boxes).sort((a, b) => (Number(a) === this.side) - (Number(b) === this.side));
    for (const side of sides) this.drawBox(Number(side), this.boxes[side]);
    if (focused) this.layer.querySelector(".own")?.focus();
  }

  drawBox(side, { box: [x1, y1, x2, y2], drawn }) {
    const own = side === this.side, unit = this.unit();
    const rect = make("rect", {
      class: `box ${own ? "own" : "other"} ${drawn ? "drawn" : ""}`, x: x1, y: y1, width: x2 - x1, height: y2 - y1,
      tabindex: 0, role: "button",
      "aria-label": own ? `Box of the ${NAME[side]} joint: arrow keys move it, plus and minus resize it` : `Go to the ${NAME[side]} knee`,
    });
    rect.dataset.side = side;
    this.layer.append(rect, make("text", { class: "letter", x: x1 + 8 * unit, y: y1 + 22 * unit, "font-size": 18 * unit }, LETTER[side] ?? ""));
    if (!own) return;
    for (const [corner, x, y] of [["nw", x1, y1], ["ne", x2, y1], ["sw", x1, y2], ["se", x2, y2]]) {
      const handle = make("rect", { class: `handle ${corner}`, x: x - 6 * unit, y: y - 6 * unit, width: 12 * unit, height: 12 * unit });
      handle.dataset.corner = corner;
      this.layer.append(handle);
    }
  }

  // Film pixels of one pixel of the screen.
  unit() {
    const matrix = this.svg.getScreenCTM();
    return matrix?.a ? 1 / matrix.a : 1;
  }

  press(event) {
    if (event.button !== 0 || !this.layer) return;
    const { side, corner } = event.target.dataset;
    if (side && Number(side) !== this.side) return void this.picked(Number(side));
    if (!this.side) return;
    const start = place(this.svg, event), own = this.boxes[this.side], old = own && [...own.box];
    if (side || corner) {
      event.target.focus?.();
      const move = (next) => this.set(shift(old, corner, place(this.svg, next).map((at, axis) => at - start[axis])), Boolean(corner));
      drag(this.svg, event, move, (done) => this.finish(done, old));
    } else if (!own || this.drawing) {
      const move = (next) => this.set(span(start, place(this.svg, next)), true);
      drag(this.svg, event, move, (done) => this.finish(done, old));
    }
  }

  // Puts the own box within the film, not too far from a square.
  set(box, resized) {
    const [width, height] = this.size;
    let [x1, y1, x2, y2] = box;
    let w = Math.min(Math.max(x2 - x1, SMALLEST), width), h = Math.min(Math.max(y2 - y1, SMALLEST), height);
    if (resized) { w = Math.max(w, NARROWEST * h); h = Math.max(h, NARROWEST * w); }
    w = Math.min(w, width); h = Math.min(h, height);
    x1 = Math.min(Math.max(0, x1), width - w);
    y1 = Math.min(Math.max(0, y1), height - h);
    this.boxes[this.side] = { box: [x1, y1, x1 + w, y1 + h], drawn: true };
    this.draw();
  }

  finish(done, old) {
    this.drawing = false;
    const box = this.boxes[this.side]?.box;
    if (done && box && (!old || box.some((at, edge) => Math.abs(at - old[edge]) > 0.5))) this.moved(this.side, box);
  }

  key(event) {
    const own = this.boxes[this.side];
    if (!own || !event.target.classList.contains("own")) return;
    const step = (event.shiftKey ? 20 : 4) * Math.max(1, this.unit());
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const [x1, y1, x2, y2] = own.box;
    if (event.key in moves) this.set(shift(own.box, "", moves[event.key]), false);
    else if (event.key === "+" || event.key === "=") this.set([x1 - step, y1 - step, x2 + step, y2 + step], true);
    else if (event.key === "-") this.set([x1 + step, y1 + step, x2 - step, y2 - step], true);
    else return;
    event.preventDefault();
    event.stopPropagation();
    clearTimeout(this.saving);
    const { side } = this, { box } = this.boxes[side];
    this.saving = setTimeout(() => this.moved(side, box), 700);
  }

  focusBox() {
    if (!this.boxes[this.side] && this.side) {
      const [width, height] = this.size, half = Math.min(width, height) / 6, x = width * (this.side === 1 ? 0.27 : 0.73);
      this.set([x - half, height / 2 - half, x + half, height / 2 + half], true);
    }
    this.layer?.querySelector(".own")?.focus();
  }
}

function shift([x1, y1, x2, y2], corner = "", [dx, dy]) {
  if (!corner) return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
  return [corner.includes("w") ? x1 + dx : x1, corner.includes("n") ? y1 + dy : y1, corner.includes("e") ? x2 + dx : x2, corner.includes("s") ? y2 + dy : y2];
}

const span = ([ax, ay], [bx, by]) => [Math.min(ax, bx), Math.min(ay, by), Math.max(ax, bx), Math.max(ay, by)];
