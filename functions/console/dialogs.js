// Dialogs: the focus stays inside and is given back, Esc cancels, and Enter never does what destroys.
import { button, code } from "./parts.js";
import { h, state, update } from "./view.js";

// Opens a dialog. `describe` returns its content and the button for the deed; it is asked at every draw.
export function openDialog(title, describe) {
  const close = () => update(state, { dialogs: state.dialogs.filter((open) => open.close !== close) });
  update(state, { dialogs: [...state.dialogs, { title, close, describe: () => describe(close) }] });
}

export function dialogViews() {
  return state.dialogs.map(({ title, close, describe }, index) => {
    const id = `dialog-${index}`;
    const [content, deed] = describe();
    const oncancel = (event) => {
      event.preventDefault();
      close();
    };
    return h(
      "dialog",
      {
        key: id,
        "aria-labelledby": id,
        mounted: (element) => element.showModal(),
        removed: (element) => element.close(),
        oncancel,
      },
      h("h2", { id }, title),
      content,
      h("div.actions.end", button("Cancel", close), deed),
    );
  });
}

// A text that must be typed before something is destroyed.
export function typed(self, label, wanted) {
  const oninput = (event) => update(self, { typed: event.target.value });
  return [
    h("label", { for: "typed" }, label),
    h("input", {
      id: "typed",
      autocomplete: "off",
      spellcheck: "false",
      value: self.typed,
      "aria-describedby": "typed-help",
      oninput,
    }),
    h("p.help", { id: "typed-help" }, "Type ", code(wanted), " to go on."),
  ];
}

export const isTyped = (self, wanted) => (self.typed ?? "").trim() === wanted;
