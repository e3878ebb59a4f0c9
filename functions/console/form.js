// Fields of a form. Values and errors are kept by the path that the API uses for the field.
import { button, checkbox } from "./parts.js";
import { fault } from "./rules.js";
import { h, redraw, update } from "./view.js";

const MANY = 12;

export const newForm = (model, values) => ({ model, values, errors: {}, asText: {}, filters: {} });

export const idOf = (path) => `field-${path.replace(".", "-")}`;

export function setValue(form, path, value) {
  form.values[path] = value;
  delete form.errors[path];
  update(form, { isChanged: true });
}

// Checks fields; puts the focus on the first one that is wrong.
export function check(form, paths) {
  for (const path of paths) {
    const found = fault(form.model, path, form.values[path]);
    if (found) form.errors[path] = found;
  }
  return showErrors(form, paths);
}

export function showErrors(form, paths) {
  const wrong = paths.find((path) => form.errors[path]);
  redraw();
  if (wrong) setTimeout(() => document.getElementById(idOf(wrong))?.focus());
  return !wrong;
}

export function errorSummary(form, paths) {
  const wrong = paths.filter((path) => form.errors[path]).length;
  return (
    wrong > 0 &&
    h("p.error", { role: "alert" }, wrong === 1 ? "One field needs a look." : `${wrong} fields need a look.`)
  );
}

function field(form, path, label, control, help, extra) {
  const id = idOf(path);
  const error = form.errors[path];
  return h(
    "div.field",
    { key: path },
    h("label", { for: id }, label),
    control({ id, "aria-invalid": error && "true", "aria-describedby": `${id}-help` }),
    h("p.help", { id: `${id}-help` }, error && h("span.fault", error, " "), help),
    extra,
  );
}

export function textField(form, path, label, { area, help, extra, oninput, ...attributes } = {}) {
  function typed({ target }) {
    setValue(form, path, target.type === "number" ? target.valueAsNumber : target.value);
    oninput?.(target.value);
  }
  const control = (props) =>
    h(area ? "textarea" : "input", {
      ...props,
      autocomplete: "off",
      spellcheck: "false",
      ...attributes,
      value: String(form.values[path]),
      oninput: typed,
    });
  return field(form, path, label, control, help, extra);
}

// A select of what was found, or a text where the thing is not in the list. `rows` are [value, label].
export function choiceField(form, path, label, rows, { onchange, help, typeLabel = "Type it instead" } = {}) {
  const changed = ({ target }) => {
    setValue(form, path, target.value);
    onchange?.();
  };
  const isTyped = typeLabel && (form.asText[path] || !rows);
  const flip = () => update(form, { asText: { ...form.asText, [path]: !isTyped } });
  const extra =
    typeLabel && rows && button(isTyped ? "Choose from the list" : typeLabel, flip, { class: "plain" });
  if (isTyped) return textField(form, path, label, { help, extra, onchange: changed });
  const value = form.values[path];
  const text = form.filters[path] ?? "";
  const all = value && !rows.some(([one]) => one === value) ? [[value, value], ...rows] : rows;
  const shown = all.filter(([one, name]) => one === value || name.toLowerCase().includes(text.toLowerCase()));
  const options = [["", rows.length ? "Choose …" : "There is none"], ...shown].map(([one, name]) =>
    h("option", { value: one, key: one }, name),
  );
  const oninput = ({ target }) => update(form, { filters: { ...form.filters, [path]: target.value } });
  const filter =
    rows.length > MANY &&
    h("input", {
      type: "search",
      placeholder: "Filter",
      "aria-label": `Filter: ${label}`,
      value: text,
      oninput,
    });
  return field(
    form,
    path,
    label,
    (props) => [filter, h("select", { ...props, value, onchange: changed }, options)],
    help,
    extra,
  );
}

export function switchField(form, path, label, help, disabled = false) {
  const id = idOf(path);
  const onchange = ({ target }) => setValue(form, path, target.checked);
  return h(
    "div.field",
    { key: path },
    checkbox(label, form.values[path], onchange, {
      id,
      role: "switch",
      disabled,
      "aria-describedby": `${id}-help`,
    }),
    h("p.help", { id: `${id}-help` }, help),
  );
}

// Cards of which one is chosen. `rows` are [value, title, sentence, example].
export function cardsField(form, path, label, rows, isOff = () => false) {
  const card = ([value, title, sentence, example], index) => {
    const onchange = () => setValue(form, path, value);
    const input = h("input", {
      type: "radio",
      id: index ? null : idOf(path),
      name: path,
      value,
      checked: form.values[path] === value,
      disabled: isOff(value),
      onchange,
    });
    return h(
      "label.choice",
      { key: value },
      input,
      h("span", h("strong", title), h("span.help", sentence), example && h("span.example", example)),
    );
  };
  const error = form.errors[path];
  return h("fieldset", { key: path }, h("legend", label), error && h("p.fault", error), rows.map(card));
}
