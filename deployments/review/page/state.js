// The knees of the run by column, what was done to them, and this person's acts that can be undone.

import * as api from "./api.js";

export const OF_FILMS = new Set(["sides", "turn", "polarity"]);

export const state = {
  head: {}, columns: {}, size: 0, rows: new Map(), acts: [], byKey: new Map(), undo: [], who: "", listeners: new Set(), known: -1,
};

export const cell = (row, column) => state.columns[column]?.[row];
export const keyOf = (row) => state.columns.key[row];
export const onChange = (listener) => state.listeners.add(listener);
const tell = () => state.listeners.forEach((listener) => listener());

export async function load() {
  const head = await api.readSheet();
  state.head = head;
  state.columns = head.columns;
  state.size = head.columns.key.length;
  state.rows = new Map(head.columns.key.map((key, row) => [key, row]));
}

export async function loadActs() {
  const { acts, known, who } = await api.readActs(state.known);
  if (!state.who) state.who = localStorage.getItem("who") || who;
  state.known = known;
  if (!acts) return;
  state.acts = acts;
  index();
}

function index() {
  state.byKey = new Map();
  for (const act of state.acts) {
    for (const key of act.keys) {
      if (!state.byKey.has(key)) state.byKey.set(key, []);
      state.byKey.get(key).push(act);
    }
  }
  tell();
}

export const actsOf = (row) => state.byKey.get(keyOf(row)) ?? [];

// The last act of a kind that counts for a knee; its value is blank where a correction was taken back.
export function lastAct(row, what, side) {
  const own = OF_FILMS.has(what) || !cell(row, "film") ? 0 : side ?? cell(row, "side");
  return actsOf(row).findLast((act) => act.counts && !act.stale && act.what === what && (state.head.reader || act.side === own));
}

export const valueOf = (row, what, side) => lastAct(row, what, side)?.value ?? "";

// The kinds of corrections that hold for a knee, or for any side of a film without one.
export function correctedKinds(row) {
  const held = new Map();
  for (const act of actsOf(row)) if (act.counts && !act.stale) held.set(act.subject, act);
  return [...new Set([...held.values()].filter((act) => act.value).map((act) => act.what))];
}

// Pictures are kept by the browser for as long as the run is what it was.
export const address = (kind, row) => `${kind}/${keyOf(row)}?v=${state.head.version}`;

// Makes changes one after another: [{row, what, value, side}]. Throws what the server says.
export async function change(...changes) {
  const asked = changes.map(({ row, what, value, side }) => ({
    key: keyOf(row), what, value, side: side ?? cell(row, "side") ?? 0, upon: lastAct(row, what, side)?.name ?? "",
  }));
  const made = await commit(asked);
  state.undo.push(made.map((act) => ({ key: act.keys[0] ?? asked[0].key, what: act.what, side: act.side, value: "", upon: act.name, undoes: act.name })).reverse());
  tell();
}

export async function undo() {
  const last = state.undo.pop();
  if (!last) return;
  try {
    await commit(last);
  } catch (error) {
    if (error.status !== 409) state.undo.push(last); // the server does not have it: it can be tried again
    throw error;
  }
}

async function commit(changes) {
  try {
    const { acts } = await api.sendChanges(changes, state.who);
    const known = new Set(state.acts.map((act) => act.name + act.subject));
    state.acts.push(...acts.filter((act) => !known.has(act.name + act.subject)));
    index();
    return acts;
  } catch (error) {
    if (error.status === 409) {
      state.known = -1;
      await loadActs();
    }
    throw error;
  }
}
