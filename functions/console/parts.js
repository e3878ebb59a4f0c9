// What every screen uses: buttons, times, names to copy, errors, and the message line.
import { h, state, update } from "./view.js";
import { relative, shortOcid, utc } from "./text.js";

export const link = (to, ...text) => h("a", { href: `#${to}` }, ...text);
export const code = (text) => h("code", text);

export const button = (text, onclick, props) => h("button", { type: "button", onclick, ...props }, text);

export const time = (iso) =>
  iso ? h("time", { datetime: iso, title: utc(iso) }, relative(iso)) : h("span.muted", "never");

// A button that copies, and says so.
export function copyButton(text, what, label = "copy") {
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      say(`Copied: ${what}.`);
    } catch {
      say(`Copying is not allowed here; ${what}: ${text}`);
    }
  }
  return button(label, copy, { class: "copy", "aria-label": `Copy ${what}` });
}

export const ocid = (text, what) =>
  h("span.ocid", h("code", { title: text }, shortOcid(text)), copyButton(text, what));

// Which names of the vault are a sync's.
export function scopeOf({ bundle, keySchema }) {
  if (bundle) return [code(bundle.name), " (one secret)"];
  return keySchema ? code(keySchema) : h("span.warn", "whole vault");
}

// One line above the page that also tells screen readers how an action went.
export const say = (said) => update(state, { said, saidAt: Date.now() });

// An error as the server told it, with the id that finds it in the log, and what can be done.
export function errorBox(error, again, reload = again) {
  if (!error) return null;
  const { status, message, reqId } = error;
  const isChanged = status === 409 && reload;
  return h(
    "div.error",
    { role: "alert" },
    isChanged && h("strong", "Somebody changed it meanwhile. "),
    h("p", message),
    reqId && h("p.muted", "Request ", code(reqId), copyButton(reqId, "request id")),
    isChanged ? button("Reload", reload) : again && button("Try again", again),
  );
}

export const loading = () => h("p.loading", { "aria-busy": "true" }, "Loading …");

// A list of buttons behind one, drawn when it is open; a click elsewhere, Esc or a choice closes it.
export function menu(label, items) {
  const isOpen = state.menu === label;
  const props = { "aria-label": label, title: label, "aria-expanded": String(isOpen) };
  return h(
    "div.menu",
    { onfocusout: leaveMenu, onkeydown: escapeMenu },
    button("⋯", () => update(state, { menu: isOpen ? null : label }), props),
    isOpen &&
      h(
        "ul",
        { onclick: closeMenu },
        items().map((item) => item && h("li", item)),
      ),
  );
}

const closeMenu = () => update(state, { menu: null });

function leaveMenu({ currentTarget, relatedTarget }) {
  if (relatedTarget && !currentTarget.contains(relatedTarget)) closeMenu();
}

function escapeMenu({ key, currentTarget }) {
  if (key !== "Escape") return;
  closeMenu();
  currentTarget.firstElementChild.focus();
}

export const clickedElsewhere = ({ target }) => state.menu && !target.closest(".menu") && closeMenu();

// The begin of every screen: its heading takes the focus when the screen is opened.
export function heading(title, ...actions) {
  const focus = (element) => state.dialogs.length || element.focus();
  return h("div.title", h("h1", { tabindex: "-1", mounted: focus }, title), h("div.actions", actions));
}

// Reads what a screen shows; an error stands above it, with a way to try again.
export async function fill(self, work) {
  update(self, { isLoading: true });
  try {
    Object.assign(self, await work(), { error: null });
  } catch (error) {
    self.error = error;
  }
  update(self, { isLoading: false });
}

// A screen: heading and buttons, what went wrong, and the content as soon as it is there.
export function screenView(self, load, actions, content) {
  return [heading(self.title, ...actions), errorBox(self.error, load), content || (!self.error && loading())];
}

export const checkbox = (text, checked, onchange, props) =>
  h("label.check", h("input", { type: "checkbox", checked, onchange, ...props }), h("span", text));

// A table; on a narrow screen each row is a card. A row is {key, cells}, a cell a list of contents.
export function table(name, columns, rows) {
  return h(
    "table.cards",
    h("caption.hidden", name),
    h(
      "thead",
      h(
        "tr",
        columns.map((column) => h("th", { scope: "col" }, column)),
      ),
    ),
    h(
      "tbody",
      rows.map(({ key, cells }) => h("tr", { key }, tableCells(columns, cells))),
    ),
  );
}

export const tableCells = (columns, cells) =>
  cells.map((cell, index) => h("td", { "data-label": columns[index] }, h("div", cell)));
