// One knee large: the film with boxes, the joint with margins and saliency, its visits, numbers and history.

import { readKnee, readMargins } from "./api.js";
import { ask, toast } from "./dialogs.js";
import { Film } from "./film.js";
import { LINES, Margins } from "./margins.js";
import { actsOf, address, cell, change, keyOf, state, valueOf } from "./state.js";
import { make, picture } from "./svg.js";

const find = (id) => document.getElementById(id);
const REASONS = ["not a knee", "another view", "implant", "brace or cast", "blurred", "burnt out", "cut off", "fracture", "other"];

export class Knee {
  constructor({ closed, step }) {
    Object.assign(this, { closed, step, row: null, saliency: false, measured: false, token: 0 });
    this.film = new Film(find("film"), {
      moved: (side, box) => this.act({ what: "box", value: box, side }),
      picked: (side) => this.pick(side),
    });
    this.margins = new Margins();
    this.buttons();
    find("back").onclick = () => this.close();
    find("previous").onclick = () => this.step(-1);
    find("next").onclick = () => this.step(1);
  }

  get isOpen() { return !find("knee").hidden; }

  async open(row) {
    const token = ++this.token;
    if (row !== this.row) this.side = cell(row, "side");
    this.row = row;
    find("knee").hidden = false;
    find("sheet-view").hidden = true;
    this.lines(false);
    if (row !== this.shown) this.facts = null;
    this.shown = row;
    this.describe();
    try {
      const facts = await readKnee(keyOf(row)), before = this.facts?.side;
      if (token !== this.token) return;
      this.facts = facts;
      if (facts.side !== before) this.side = facts.side || this.side; // of a single knee it may have been swapped
      this.film.show(address("film", row), facts, this.side);
      this.joints();
      this.describe();
    } catch (error) {
      toast(error.message);
    }
  }

  close() {
    find("knee").hidden = true;
    find("sheet-view").hidden = false;
    this.token++;
    this.closed(this.row);
  }

  pick(side) {
    const row = state.columns.key.findIndex((_, at) => cell(at, "film") === cell(this.row, "film") && cell(at, "side") === side);
    if (row >= 0) return void this.open(row);
    this.side = side;
    this.film.side = side;
    this.film.draw();
    this.describe();
  }

  async act(...changes) {
    try {
      await change(...changes.map((each) => ({ row: this.row, side: this.side || undefined, ...each })));
    } catch (error) {
      toast(error.message);
    }
    await this.open(this.row);
  }

  describe() {
    const row = this.row, at = { 1: "right", 2: "left" }[this.side] ?? "film";
    find("name").textContent = `${cell(row, "ID") || cell(row, "film")} · ${at}`;
    const reason = cell(row, "sentence"), own = actsOf(row).filter((act) => act.counts && act.value);
    find("state").textContent = [
      reason && `${cell(row, "reason").replaceAll("_", " ")}: ${reason}`,
      own.some((act) => act.stale) && "a correction was made on another film of this name, and does not hold",
      this.waits() && "the next run with corrections takes this over",
    ].filter(Boolean).join(" · ");
    find("film-panel").hidden = !cell(row, "film"); // of a crop that a table names there is none
    find("film-note").textContent = this.facts && !this.facts.film ? "The run could not make a picture of this film."
      : !this.side ? "Which knee? Press R or L, then draw its box." : this.facts?.film ? "Drag the box, or press B and use the arrow keys." : "";
    for (const button of [...find("acts").children, ...find("kl").children]) {
      button.hidden = !this.isPossible(button.dataset.what);
      const pressed = { saliency: this.saliency, measure: this.measured, exclude: this.leftOut() !== "", sides: valueOf(row, "sides") !== "", polarity: valueOf(row, "polarity") !== "" }[button.dataset.what];
      if (pressed !== undefined) button.setAttribute("aria-pressed", pressed);
      if (button.dataset.grade) button.setAttribute("aria-pressed", valueOf(row, "grade") === button.dataset.grade);
    }
    this.listFacts();
    this.listHistory();
  }

  leftOut() { return valueOf(this.row, "exclude", this.side || undefined); }

  // Whether the run was made before the box was moved, or the film turned.
  waits() {
    const own = this.facts?.boxes?.[this.side];
    return (own?.drawn && !own.cut) || (this.facts?.joint && !this.facts.joint.current);
  }

  isPossible(what) {
    const film = Boolean(this.facts?.film), joint = this.side && !cell(this.row, "reason");
    return { box: film, right: film && !cell(this.row, "side"), left: film && !cell(this.row, "side"), sides: film, turn: film, polarity: film, margins: film && joint, measure: film && joint, saliency: state.head.saliency && joint, grade: cell(this.row, "ID") }[what] ?? true;
  }

  joints() {
    const rows = this.facts.visits.map((key) => state.rows.get(key)).filter((row) => row !== undefined);
    const others = rows.filter((row) => row !== this.row && cell(row, "picture")).slice(0, 3);
    find("joints").replaceChildren(this.ownJoint(), ...others.map((row) => this.visit(row)));
  }

  ownJoint() {
    const figure = document.createElement("figure"), svg = make("svg", { role: "img", "aria-label": "The joint" });
    const drawn = this.facts.boxes?.[this.side], joint = this.facts.joint;
    const hasJoint = this.side && cell(this.row, "picture") && !cell(this.row, "reason");
    figure.hidden = !hasJoint && !drawn?.drawn;
    let text = cell(this.row, "visit") && `visit ${cell(this.row, "visit")}`;
    const waits = drawn?.drawn && !drawn.cut;
    if (waits || (joint && !joint.current)) {
      const box = square(drawn?.box ?? joint.box);
      svg.setAttribute("viewBox", view(box));
      svg.append(picture(this.film.address, [0, 0, ...this.film.size]));
      text = "as the next run will cut it";
    } else if (hasJoint) {
      const box = joint?.box ?? [0, 0, 1, 1];
      svg.setAttribute("viewBox", view(box));
      svg.append(picture(address("joint", this.row), box));
      if (this.saliency) this.showSaliency(svg, figure, box);
    }
    figure.append(svg, Object.assign(document.createElement("figcaption"), { textContent: text || "joint" }));
    if (joint?.current && !waits) this.margins.show(svg, this.facts.margins ?? (this.measured ? this.found : null));
    return figure;
  }

  // The joint stays in sight meanwhile: the first time a network has to be loaded.
  showSaliency(svg, figure, box) {
    const heat = picture(address("saliency", this.row), box), caption = (text) => { figure.querySelector("figcaption").textContent = text; };
    queueMicrotask(() => caption(`asking ${state.head.saliency} …`));
    heat.addEventListener("load", () => caption(`where ${state.head.saliency} looked`));
    heat.addEventListener("error", () => caption("this knee is not in the dataset: no model looked at it"));
    svg.append(heat);
  }

  visit(row) {
    const figure = document.createElement("figure"), button = document.createElement("button");
    button.className = "visit";
    button.onclick = () => this.open(row);
    const image = Object.assign(new Image(), { src: address("joint", row), alt: `The same knee, visit ${cell(row, "visit") || cell(row, "film")}` });
    button.append(image);
    figure.append(button, Object.assign(document.createElement("figcaption"), { textContent: cell(row, "visit") ? `visit ${cell(row, "visit")}` : cell(row, "film") }));
    return figure;
  }

  listFacts() {
    const row = this.row, percent = (value) => (value === null || value === undefined ? null : `${(100 * value).toFixed(1)} %`);
    const corrected = valueOf(row, "grade"), label = cell(row, "grade");
    const shares = cell(row, "probabilities");
    const facts = [
      ["KL grade", corrected !== "" ? `${corrected} (was ${label ?? "blank"})` : label],
      ["Model", shares && bars(shares, cell(row, "predicted"))],
      ["Risk", percent(cell(row, "risk"))],
      ["Progressed", { 0: "no", 1: "yes" }[cell(row, "progressed")]],
      ["Strange", cell(row, "strange")],
      ["Medial width", this.widths ?? (cell(row, "width") && `${cell(row, "width").toFixed(2)} mm`)],
      ["Detector", cell(row, "score") && `${cell(row, "score").toFixed(3)}${cell(row, "ambiguous") ? ", ambiguous" : ""}${cell(row, "padded") ? ", cut by the edge" : ""}`],
      ["Side", cell(row, "side_from") && `by ${cell(row, "side_from")}${cell(row, "side_sure") === null ? "" : `, anatomy ${percent(cell(row, "side_sure"))}`}`],
      ["Split", cell(row, "split")], ["Site", cell(row, "site")], ["Film", cell(row, "film")], ["Note of the run", cell(row, "note")],
    ];
    find("facts").replaceChildren(...facts.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) => {
      const text = document.createElement("dd");
      text.append(value instanceof Node ? value : String(value));
      return [Object.assign(document.createElement("dt"), { textContent: name }), text];
    }));
  }

  listHistory() {
    find("history").replaceChildren(...actsOf(this.row).toReversed().map((act) => {
      const item = document.createElement("li"), time = document.createElement("span");
      time.className = "muted";
      time.textContent = `${act.when.slice(0, 16).replace("T", " ")} UTC · ${act.who}`;
      const what = act.undoes ? `took back: ${act.what}` : act.value ? `${act.what}: ${act.value}` : `${act.what}: as it was`;
      item.append(time, document.createElement("br"), what + (act.counts ? "" : " (came second)") + (act.stale ? " (another film)" : ""));
      item.className = act.counts ? "" : "second";
      return item;
    }));
    if (!actsOf(this.row).length) find("history").append(Object.assign(document.createElement("li"), { className: "muted", textContent: "Nobody has changed anything." }));
  }

  buttons() {
    const made = [["box", "Box", "B"], ["right", "Right knee", "R"], ["left", "Left knee", "L"], ["sides", "Swap sides", "S"], ["turn", "Turn", "T"], ["polarity", "Negative", "I"], ["exclude", "Leave out", "X"], ["margins", "Draw margins", "M"], ["measure", "Measured", "W"], ["saliency", "Saliency", "H"], ["note", "Note", "C"]];
    find("acts").append(...made.map(([what, text, key]) => {
      const button = document.createElement("button");
      button.dataset.what = what;
      button.append(text, Object.assign(document.createElement("kbd"), { textContent: key }));
      button.onclick = () => this.do(what);
      return button;
    }));
    find("kl").append(...[0, 1, 2, 3, 4].map((grade) => {
      const button = Object.assign(document.createElement("button"), { textContent: `KL ${grade}`, onclick: () => this.do("grade", grade) });
      Object.assign(button.dataset, { what: "grade", grade });
      return button;
    }));
  }

  async do(what, grade) {
    const row = this.row, toggle = (value) => (valueOf(row, what) ? "" : value);
    if (what === "box") this.film.focusBox();
    else if (what === "right" || what === "left") this.pick(what === "right" ? 1 : 2);
    else if (what === "sides") await this.act({ what, value: toggle("swapped"), side: 0 });
    else if (what === "polarity") await this.act({ what, value: toggle("turned"), side: 0 });
    else if (what === "turn") {
      const next = (Number(valueOf(row, "turn") || 0) + 90) % 360;
      await this.act({ what, value: next ? String(next) : "", side: 0 });
    } else if (what === "grade") {
      if (cell(row, "ID")) await this.act({ what, value: String(grade) });
    } else if (what === "exclude") {
      if (this.leftOut()) return void (await this.act({ what, value: "" }));
      const reason = await ask("Leave this knee out", "Reason", REASONS);
      if (reason) await this.act({ what, value: reason });
    } else if (what === "note") {
      const note = await ask("Note", "Notes stand in corrections.csv; name nobody", [], valueOf(row, "note"));
      if (note !== null) await this.act({ what, value: note });
    } else if (what === "saliency") {
      this.saliency = !this.saliency;
      this.describe();
      this.joints();
    } else if (what === "measure") await this.measure(!this.measured);
    else if (what === "margins") {
      await this.measure(true);
      this.lines(true);
    }
  }

  async measure(on) {
    this.measured = on;
    this.found = this.widths = null;
    if (on) {
      const found = await readMargins(keyOf(this.row)).catch((error) => ({ sentence: error.message }));
      this.found = found.lines;
      this.widths = found.lines ? `${found.medial} ${found.unit} (lateral ${found.lateral})` : found.sentence;
    }
    this.describe();
    this.joints();
  }

  lines(on) {
    const bar = find("lines");
    bar.hidden = !on;
    this.margins.choose(on ? 0 : null);
    if (!on) return;
    const buttons = LINES.map((line, number) => {
      const button = Object.assign(document.createElement("button"), { textContent: line.join(" ") });
      button.setAttribute("role", "radio");
      button.onclick = () => {
        this.margins.choose(number);
        buttons.forEach((each, at) => each.setAttribute("aria-checked", at === number));
      };
      button.onkeydown = (event) => {
        if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
        this.margins.shift(event.key === "ArrowUp" ? -1 : 1);
        event.preventDefault();
        event.stopPropagation();
      };
      return button;
    });
    const save = Object.assign(document.createElement("button"), { textContent: "Save margins", onclick: () => this.saveMargins() });
    const clear = Object.assign(document.createElement("button"), { textContent: "As measured", onclick: () => this.act({ what: "margins", value: "" }) });
    bar.replaceChildren(...buttons, save, clear);
    buttons[0].click();
  }

  async saveMargins() {
    const missing = this.margins.missing();
    if (missing.length) return void toast(`draw the ${missing.join(", the ")} margin first`);
    await this.act({ what: "margins", value: this.margins.lines });
  }
}

const view = ([x1, y1, x2, y2]) => `${x1} ${y1} ${x2 - x1} ${y2 - y1}`;

function square([x1, y1, x2, y2]) {
  const half = Math.max(x2 - x1, y2 - y1) / 2, x = (x1 + x2) / 2, y = (y1 + y2) / 2;
  return [x - half, y - half, x + half, y + half];
}

function bars(shares, called) {
  const all = document.createElement("span"), chart = document.createElement("span");
  chart.className = "bars";
  chart.setAttribute("aria-hidden", "true");
  shares.forEach((share, grade) => {
    const bar = document.createElement("i");
    bar.style.height = `${Math.round(22 * share)}px`;
    if (grade === called) bar.className = "called";
    chart.append(bar);
  });
  all.append(`KL ${called} `, chart, ` ${Math.round(100 * Math.max(...shares))} %`);
  return all;
}
