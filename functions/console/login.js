// The token form. It stands in place of the screen, whose content is kept.
import { begin, keepToken } from "./session.js";
import { trySession } from "./http.js";
import { code, errorBox, heading } from "./parts.js";
import { h, redraw, state, update } from "./view.js";

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
const NEW_TOKEN = [
  "python3 -c 'import secrets, hashlib; t = secrets.token_urlsafe(32); print(t, hashlib.sha256(t.encode()).hexdigest())'",
  '{"apiTokenHashes": [{"name": "your-name", "sha256": "<the second word>", "role": "full"}]}',
];
const form = { text: "", error: null, isBusy: false };

export function loginView() {
  const isOpen = location.protocol !== "https:" && !LOOPBACK.has(location.hostname);
  return [
    heading("Sign in"),
    state.tokenAskedFor && h("p.note", state.tokenAskedFor),
    isOpen && h("p.note.warn", "This page did not come by https: others may see the token."),
    h(
      "form.narrow",
      { onsubmit: submit },
      h("input", {
        type: "text",
        name: "username",
        value: "oci-vault-sync",
        autocomplete: "username",
        hidden: true,
      }),
      h("label", { for: "token" }, "API token"),
      h("input", {
        id: "token",
        type: "password",
        required: true,
        autocomplete: "current-password",
        value: form.text,
        "aria-describedby": "token-help",
        oninput: (event) => (form.text = event.target.value),
      }),
      h(
        "p.help",
        { id: "token-help" },
        "Of the management API. It stays in this tab until that is closed, or unused for 30 minutes.",
      ),
      h(
        "button",
        { type: "submit", class: "primary", disabled: form.isBusy },
        form.isBusy ? "Signing in …" : "Sign in",
      ),
    ),
    errorBox(form.error),
    form.error?.status === 401 && howToMakeOne(),
  ];
}

function howToMakeOne() {
  return h(
    "div.note",
    h("p", "This token is not known. Make one, and put its hash into the credentials secret:"),
    NEW_TOKEN.map((line) => h("pre", code(line))),
  );
}

async function submit(event) {
  event.preventDefault();
  const given = form.text.trim();
  if (form.isBusy || !given) return;
  update(form, { isBusy: true, error: null });
  try {
    const session = await trySession(given);
    keepToken(given);
    form.text = "";
    begin(session);
  } catch (error) {
    form.error = error;
  } finally {
    update(form, { isBusy: false });
    redraw();
  }
}
