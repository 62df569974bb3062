// What one filters and sorts the contact sheet by.

import { cell, correctedKinds, state, valueOf } from "./state.js";

const LOW_SCORE = 0.6, UNSURE_SIDE = 0.9, STRANGE = 1, UNSURE_GRADE = 0.5;

const has = (row, column) => cell(row, column) !== null && cell(row, column) !== undefined && cell(row, column) !== "";
const grade = (row) => (valueOf(row, "grade") !== "" ? Number(valueOf(row, "grade")) : cell(row, "grade"));
const expected = (row) => cell(row, "probabilities")?.reduce((sum, share, at) => sum + share * at, 0);
const gap = (row) => (grade(row) === null || grade(row) === undefined || !has(row, "probabilities") ? null : Math.abs(grade(row) - expected(row)));

const DOUBTS = [
  ["Low detector score", (row) => has(row, "score") && cell(row, "score") < LOW_SCORE],
  ["Ambiguous joint", (row) => cell(row, "ambiguous")],
  ["Cut by the film's edge", (row) => cell(row, "padded")],
  ["Side unsure", (row) => has(row, "side_sure") && cell(row, "side_sure") < UNSURE_SIDE],
  ["Contradiction", (row) => cell(row, "contradiction")],
  ["Polarity turned", (row) => cell(row, "polarity_turned")],
  ["Strange", (row) => has(row, "strange") && cell(row, "strange") > STRANGE],
  ["Label ≠ prediction", (row) => has(row, "predicted") && grade(row) !== null && grade(row) !== cell(row, "predicted")],
  ["Two grades off", (row) => has(row, "predicted") && grade(row) !== null && Math.abs(grade(row) - cell(row, "predicted")) > 1],
  ["Least sure", (row) => has(row, "sure") && cell(row, "sure") < UNSURE_GRADE],
  ["High risk, stable", (row) => cell(row, "progressed") === 0 && cell(row, "risk") > 0.5],
  ["Low risk, progressed", (row) => cell(row, "progressed") === 1 && has(row, "risk") && cell(row, "risk") < 0.5],
];
const REVIEWED = [
  ["Corrected", (row) => correctedKinds(row).length > 0],
  ["Left out", (row) => valueOf(row, "exclude") || valueOf(row, "exclude", 0)],
  ["With a note", (row) => valueOf(row, "note")],
  ["Stale correction", (row) => (state.byKey.get(cell(row, "key")) ?? []).some((act) => act.stale)],
];

const SORTS = {
  "Film": null,
  "Detector score": (row) => cell(row, "score"),
  "Side certainty": (row) => cell(row, "side_sure"),
  "Label against prediction": (row) => (gap(row) === null ? null : -gap(row)),
  "Least sure": (row) => cell(row, "sure"),
  "Highest risk": (row) => (has(row, "risk") ? -cell(row, "risk") : null),
  "Lowest risk": (row) => cell(row, "risk"),
  "Strangest": (row) => (has(row, "strange") ? -cell(row, "strange") : null),
  "Narrowest joint space": (row) => cell(row, "width"),
};

// The ways to sort of which the run has something to sort by.
export const sorts = () => Object.keys(SORTS).filter((name) => !SORTS[name] || state.columns.key.some((_, row) => (SORTS[name](row) ?? null) !== null));

const words = (text) => text.replaceAll("_", " ");
const byValue = (column, title = String) => [...new Set(state.columns[column] ?? [])]
  .filter((value) => value !== null && value !== "").sort()
  .map((value) => [title(value), (row) => cell(row, column) === value]);

// Groups of filters: within a group any may hold, of several groups all must.
export function groups() {
  return [
    ["Rejected", [["Any reason", (row) => cell(row, "reason") !== ""], ...byValue("reason", words)]],
    ["Doubtful", DOUBTS],
    ["Reviewed", REVIEWED],
    ["KL grade", [0, 1, 2, 3, 4].map((kl) => [`KL ${kl}`, (row) => grade(row) === kl])],
    ["Outcome", [["Progressed", (row) => cell(row, "progressed") === 1], ["Stable", (row) => cell(row, "progressed") === 0]]],
    ["Split", byValue("split")],
    ["Site", byValue("site")],
  ];
}

export function choose(chosen, text, sort) {
  const wanted = text.trim().toLowerCase();
  const rows = [];
  for (let row = 0; row < state.size; row++) {
    if (wanted && !`${cell(row, "ID")} ${cell(row, "film")}`.toLowerCase().includes(wanted)) continue;
    if (chosen.every((tests) => tests.some((test) => test(row)))) rows.push(row);
  }
  const value = SORTS[sort];
  if (!value) return rows;
  const last = Number.POSITIVE_INFINITY;
  return rows.map((row) => [value(row) ?? last, row]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, row]) => row);
}
