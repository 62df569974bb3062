// A question with suggested answers, the list of keys, and short messages.

const find = (id) => document.getElementById(id);

// Resolves to the text, or null where the person thinks better of it.
export function ask(title, label, choices = [], text = "") {
  const dialog = find("ask"), input = find("ask-text");
  find("ask-title").textContent = title;
  find("ask-label").textContent = label;
  input.value = text;
  find("ask-choices").replaceChildren(...choices.map((choice) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = choice;
    button.onclick = () => { input.value = choice; dialog.close("ok"); };
    return button;
  }));
  return new Promise((resolve) => {
    find("ask-cancel").onclick = () => dialog.close("cancel");
    input.onkeydown = (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); dialog.close("ok"); } };
    dialog.returnValue = "cancel";
    dialog.onclose = () => resolve(dialog.returnValue === "ok" ? input.value.trim() : null);
    dialog.showModal();
    input.focus();
  });
}

export function showKeys(keys) {
  find("key-list").replaceChildren(...keys.flatMap(([key, meaning]) => {
    const term = document.createElement("dt"), name = document.createElement("kbd"), text = document.createElement("dd");
    name.textContent = key;
    text.textContent = meaning;
    term.append(name);
    return [term, text];
  }));
  find("keys").showModal();
}

export function toast(message) {
  const line = document.createElement("p");
  line.textContent = message;
  find("toasts").append(line);
  setTimeout(() => line.remove(), 8000);
}
