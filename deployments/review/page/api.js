// What the page asks of its server. A refusal is an Error with the server's sentence and its status.

async function ask(address, options = {}) {
  const answer = await fetch(address, options);
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body;
  const error = new Error(typeof body.detail === "string" ? body.detail : "the server did not understand; reload the page");
  error.status = answer.status;
  throw error;
}

function send(address, body) {
  const headers = { "Content-Type": "application/json" };
  return ask(address, { method: "POST", headers, body: JSON.stringify(body) });
}

export const readSheet = () => ask("api/sheet");
export const readActs = (known) => ask(`api/acts?known=${known}`);
export const hasMore = () => ask("api/more");
export const reload = () => send("api/reload", {});
export const readKnee = (key) => ask(`api/knee/${key}`);
export const readMargins = (key) => ask(`api/margins/${key}`);
export const sendChanges = (changes, who) => send("api/acts", { changes, who });
