// The contact sheet: as many cells as fit the window, moved and filled anew as it scrolls.

import { address as addressOf, cell, correctedKinds, valueOf } from "./state.js";

const CAPTION = 52, GAP = 6, SPARE_ROWS = 2;
const FAST = 4, SETTLED_MS = 90; // pixels a millisecond, beyond which nobody sees pictures, and the rest after that

export class Grid {
  constructor(sheet, cells, open) {
    Object.assign(this, { sheet, cells, open, rows: [], pool: new Map(), free: [], size: 148, at: 0, columns: 1, lastTop: 0, lastTime: 0, fast: false });
    sheet.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => this.layOut()).observe(sheet);
    cells.addEventListener("click", (event) => {
      const place = event.target.closest(".cell")?.place;
      if (place !== undefined) this.choose(place), this.open(this.rows[place]);
    });
  }

  show(rows) {
    const row = this.rows[this.at];
    this.rows = rows;
    this.at = Math.max(0, rows.indexOf(row));
    this.layOut();
  }

  setSize(size) {
    this.size = size;
    this.layOut();
    this.reveal();
  }

  layOut() {
    const width = this.sheet.clientWidth - 2 * GAP;
    if (width <= 0) return;
    this.columns = Math.max(1, Math.floor((width + GAP) / (this.size + GAP)));
    this.width = Math.floor((width + GAP) / this.columns) - GAP;
    document.documentElement.style.setProperty("--cell", `${this.width}px`);
    this.step = this.width + CAPTION - 12 + GAP;
    this.height = this.sheet.clientHeight;
    this.cells.style.height = `${Math.ceil(this.rows.length / this.columns) * this.step + 2 * GAP}px`;
    for (const element of this.pool.values()) this.drop(element);
    this.pool.clear();
    this.draw();
  }

  later() {
    this.frame ??= requestAnimationFrame(() => { this.frame = null; this.draw(); });
  }

  draw() {
    const top = this.sheet.scrollTop, now = performance.now();
    this.fast = Math.abs(top - this.lastTop) > FAST * (now - this.lastTime);
    [this.lastTop, this.lastTime] = [top, now];
    if (this.fast) {
      clearTimeout(this.settling);
      this.settling = setTimeout(() => { this.fast = false; this.refresh(); }, SETTLED_MS);
    }
    const first = Math.max(0, Math.floor(top / this.step) - SPARE_ROWS) * this.columns;
    const last = Math.min(this.rows.length, (Math.ceil((top + this.height) / this.step) + SPARE_ROWS) * this.columns);
    for (const [place, element] of this.pool) {
      if (place < first || place >= last) { this.drop(element); this.pool.delete(place); }
    }
    for (let place = first; place < last; place++) {
      if (!this.pool.has(place)) this.pool.set(place, this.fill(this.free.pop() ?? this.make(), place));
    }
  }

  refresh() {
    for (const [place, element] of this.pool) this.fill(element, place);
  }

  make() {
    const element = document.createElement("div");
    element.className = "cell";
    element.setAttribute("role", "option");
    element.innerHTML = '<div class="picture"><img alt="" decoding="async" draggable="false"><span class="none"></span></div>'
      + '<div class="caption"><span class="who"></span><span class="grade"></span></div><div class="note"></div>';
    const [image, none, who, grade, note] = ["img", ".none", ".who", ".grade", ".note"].map((part) => element.querySelector(part));
    element.parts = { image, none, who, grade, note };
    this.cells.append(element);
    return element;
  }

  drop(element) {
    element.style.visibility = "hidden";
    element.place = undefined;
    this.free.push(element);
  }

  fill(element, place) {
    const row = this.rows[place], { image, none, who, grade, note } = element.parts;
    const x = GAP + (place % this.columns) * (this.width + GAP), y = GAP + Math.floor(place / this.columns) * this.step;
    element.place = place;
    element.id = `cell-${place}`;
    element.style.transform = `translate(${x}px, ${y}px)`;
    element.style.visibility = "visible";
    element.setAttribute("aria-selected", String(place === this.at));
    element.setAttribute("aria-posinset", place + 1);
    element.setAttribute("aria-setsize", this.rows.length);
    const picture = cell(row, "picture"), address = picture ? `${addressOf("thumbnail", row)}-${picture}` : "";
    if (image.dataset.address !== address) {
      const shown = this.fast ? "" : address;
      image.dataset.address = shown;
      image.hidden = !shown;
      if (shown) image.src = shown; else image.removeAttribute("src");
    }
    const kinds = correctedKinds(row), reason = cell(row, "reason");
    const excluded = kinds.includes("exclude") || valueOf(row, "exclude", 0);
    none.textContent = address ? "" : "no picture";
    who.textContent = cell(row, "ID") || cell(row, "film") || "";
    grade.textContent = gradeText(row);
    note.textContent = excluded ? "left out" : kinds.length ? `changed: ${kinds.join(", ")}` : reason ? reason.replaceAll("_", " ") : doubt(row);
    element.className = `cell${reason ? " rejected" : ""}${kinds.length ? " changed" : ""}${excluded ? " excluded" : ""}`;
    return element;
  }

  choose(place) {
    const before = this.pool.get(this.at);
    before?.setAttribute("aria-selected", "false");
    this.at = Math.max(0, Math.min(this.rows.length - 1, place));
    this.reveal();
    this.pool.get(this.at)?.setAttribute("aria-selected", "true");
    this.sheet.setAttribute("aria-activedescendant", `cell-${this.at}`);
  }

  reveal() {
    const y = Math.floor(this.at / this.columns) * this.step;
    if (y < this.sheet.scrollTop) this.sheet.scrollTop = y;
    else if (y + this.step > this.sheet.scrollTop + this.height) this.sheet.scrollTop = y + this.step - this.height + GAP;
    this.draw();
  }

  press(key) {
    const page = Math.max(1, Math.floor(this.height / this.step)) * this.columns;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns, PageUp: -page, PageDown: page, Home: -this.rows.length, End: this.rows.length };
    if (key in steps) this.choose(this.at + steps[key]);
    else if (key === "Enter" && this.rows.length) this.open(this.rows[this.at]);
    else return false;
    return true;
  }
}

export function gradeText(row) {
  const corrected = valueOf(row, "grade"), label = corrected !== "" ? corrected : cell(row, "grade");
  const shown = label === null || label === undefined ? "" : `KL ${label}`;
  const predicted = cell(row, "predicted");
  return predicted === null || predicted === undefined ? shown : `${shown || "KL –"} → ${predicted}`;
}

function doubt(row) {
  if (cell(row, "contradiction")) return "contradiction";
  if (cell(row, "ambiguous")) return "ambiguous";
  if (cell(row, "polarity_turned")) return "polarity turned";
  return "";
}
