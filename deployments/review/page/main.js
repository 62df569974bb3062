// Wires the page together: loading, filters, keys, and looking now and then at what others do.

import { hasMore, reload } from "./api.js";
import { showKeys, toast } from "./dialogs.js";
import { choose, groups, sorts } from "./filters.js";
import { Grading } from "./grading.js";
import { Grid } from "./grid.js";
import { Knee } from "./knee.js";
import { load, loadActs, onChange, state, undo } from "./state.js";

const find = (id) => document.getElementById(id);
const ACTS_MS = 3000, MORE_MS = 10000;
const KEYS = [
  ["← → ↑ ↓", "to another knee"], ["Enter", "look at it large"], ["Esc", "back to the sheet"], ["/", "find a knee"],
  ["B", "the box: arrow keys move it, + and − resize it, Shift for larger steps"], ["R L", "which knee, on a film where none was found"],
  ["S", "swap the sides"], ["T", "turn the film"], ["I", "show the negative"], ["X", "leave out, or take in again"],
  ["0 … 4", "correct the KL grade"], ["M", "draw the margins"], ["W", "measured margins"], ["H", "saliency"], ["C", "a note"], ["Z", "undo"],
];
const chosen = new Map(); // group → titles of its filters that are on
let knee, grid, grading, visible = [];

function listFilters() {
  const all = groups();
  find("filters").replaceChildren(...all.flatMap(([group, filters]) => {
    const shown = filters.map(([title, test]) => [title, test, count(test)]).filter(([title, , number]) => number || chosen.get(group)?.has(title));
    if (!shown.length) return [];
    const buttons = shown.map(([title, , number]) => {
      const button = document.createElement("button");
      button.append(title, Object.assign(document.createElement("span"), { className: "number", textContent: number.toLocaleString("en") }));
      button.setAttribute("aria-pressed", Boolean(chosen.get(group)?.has(title)));
      button.onclick = () => toggle(group, title);
      return button;
    });
    return [Object.assign(document.createElement("h3"), { textContent: group }), ...buttons];
  }));
}

function count(test) {
  let number = 0;
  for (let row = 0; row < state.size; row++) if (test(row)) number++;
  return number;
}

function toggle(group, title) {
  const titles = chosen.get(group) ?? new Set();
  titles.has(title) ? titles.delete(title) : titles.add(title);
  chosen.set(group, titles);
  apply();
  find("sheet").focus();
}

function apply() {
  const tests = groups().map(([group, filters]) => filters.filter(([title]) => chosen.get(group)?.has(title)).map(([, test]) => test));
  visible = choose(tests.filter((each) => each.length), find("find").value, find("sort").value);
  grid.show(visible);
  find("count").textContent = visible.length === state.size ? `${state.size.toLocaleString("en")} knees` : `${visible.length.toLocaleString("en")} of ${state.size.toLocaleString("en")}`;
  listFilters();
}

function open(row) {
  grid.at = Math.max(0, visible.indexOf(row));
  knee.open(row);
}

function step(by) {
  const at = visible.indexOf(knee.row), next = visible[at + by];
  if (next !== undefined) open(next);
}

async function takeBack() {
  if (!state.undo.length) return;
  try { await undo(); } catch (error) { toast(error.message); }
  if (knee.isOpen) knee.open(knee.row);
}

function press(event) {
  const typing = event.target.matches("input:not([type=range]), textarea, select");
  if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing) { if (event.key === "Escape" || event.key === "Enter") find("sheet").focus(); return; }
  if (handled(event.key, event.target)) event.preventDefault();
}

function handled(key, target) {
  const letter = key.toLowerCase();
  if (letter === "z") return takeBack(), true;
  if (state.head.reader) return grading.press(key);
  if (key === "?") return showKeys(KEYS), true;
  if (!knee.isOpen) {
    if (key === "/") return find("find").focus(), true;
    if (key === "Enter" && target.closest("button")) return false;
    return grid.press(key);
  }
  const acts = { b: "box", r: "right", l: "left", s: "sides", t: "turn", i: "polarity", x: "exclude", m: "margins", w: "measure", h: "saliency", c: "note" };
  if (key === "Escape") knee.close();
  else if (key === "ArrowLeft") step(-1);
  else if (key === "ArrowRight") step(1);
  else if (key >= "0" && key <= "4") knee.do("grade", Number(key));
  else if (letter in acts && knee.isPossible(acts[letter])) knee.do(acts[letter]);
  else return false;
  return true;
}

async function look() {
  try { await loadActs(); } catch { /* the server is away; the next look tells */ }
}

async function lookForMore() {
  try { find("more").hidden = !(await hasMore()).more; } catch { /* likewise */ }
}

async function loadMore() {
  await reload();
  await load();
  state.known = -1;
  await loadActs();
  find("more").hidden = true;
  changed();
  apply();
}

function changed() {
  find("undo").disabled = !state.undo.length;
  if (grading?.row >= 0) return grading.describe();
  grid.refresh();
  listFilters();
  if (knee.isOpen) knee.describe();
}

async function start() {
  grid = new Grid(find("sheet"), find("cells"), open);
  knee = new Knee({ step, closed: () => { apply(); find("sheet").focus(); } });
  await load();
  await loadActs();
  const { head } = state;
  find("run").textContent = `${head.run}${head.state && ` · ${head.state}`}${head.missing ? ` · ${head.missing} tables cannot be read` : ""}`;
  find("who").value = state.who;
  find("who").onchange = () => localStorage.setItem("who", (state.who = find("who").value.trim()));
  find("undo").onclick = takeBack;
  find("help").onclick = () => showKeys(KEYS);
  find("more").onclick = loadMore;
  document.addEventListener("keydown", press);
  onChange(changed);
  setInterval(look, ACTS_MS);
  if (head.reader) {
    for (const id of ["find", "sort", "size", "who"]) find(id).closest("label").hidden = true;
    grading = new Grading();
    grading.start();
    document.body.dataset.ready = "grading";
    return;
  }
  find("sort").append(...sorts().map((name) => new Option(name)));
  find("sort").onchange = apply;
  find("find").oninput = apply;
  find("size").oninput = () => grid.setSize(Number(find("size").value));
  setInterval(lookForMore, MORE_MS);
  apply();
  find("sheet").focus({ preventScroll: true });
  document.body.dataset.ready = "sheet";
}

start().catch((error) => toast(error.message));
