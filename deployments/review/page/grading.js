// Grading blindly: one joint after another, no label, no prediction, nobody else's grade.

import { address, change, state, valueOf } from "./state.js";
import { toast } from "./dialogs.js";

const find = (id) => document.getElementById(id);
export const GRADES = ["0", "1", "2", "3", "4", "ungradable"];

export class Grading {
  constructor() {
    this.row = -1;
    find("grades").append(...GRADES.map((grade) => {
      const button = Object.assign(document.createElement("button"), { textContent: grade === "ungradable" ? "?" : grade, onclick: () => this.grade(grade) });
      button.dataset.grade = grade;
      button.setAttribute("aria-label", grade === "ungradable" ? "Cannot be graded" : `KL ${grade}`);
      return button;
    }));
  }

  start() {
    find("grading").hidden = false;
    find("sheet-view").hidden = true;
    this.go(this.next(-1));
  }

  // The next knee without a grade after a row; the row itself where all have one.
  next(row) {
    for (let step = 1; step <= state.size; step++) {
      const at = (row + step) % state.size;
      if (!valueOf(at, "reading")) return at;
    }
    return Math.max(0, row);
  }

  go(row) {
    if (!state.size) return void (find("grading-count").textContent = "This run has no joints to grade.");
    this.row = (row + state.size) % state.size;
    const image = Object.assign(new Image(), { src: address("joint", this.row), alt: "A knee joint" });
    find("grading-picture").replaceChildren(image);
    new Image().src = address("joint", (this.row + 1) % state.size);
    this.describe();
  }

  describe() {
    if (this.row < 0) return;
    const done = state.columns.key.filter((_, row) => valueOf(row, "reading")).length, own = valueOf(this.row, "reading");
    find("grading-count").textContent = `${state.head.reader}: ${done} of ${state.size} graded${own ? ` · this one: ${own}` : ""}`;
    for (const button of find("grades").children) button.setAttribute("aria-pressed", button.dataset.grade === own);
  }

  async grade(grade) {
    const row = this.row;
    try {
      await change({ row, what: "reading", value: grade });
      this.go(this.next(row));
    } catch (error) {
      toast(error.message);
    }
  }

  press(key) {
    if (key >= "0" && key <= "4") this.grade(key);
    else if (key === "u" || key === "?") this.grade("ungradable");
    else if (key === "ArrowRight") this.go(this.row + 1);
    else if (key === "ArrowLeft") this.go(this.row - 1);
    else return false;
    return true;
  }
}
