// A plan as people read it: one head line, what stops it, then the changes, deletions first.
import { code, copyButton } from "./parts.js";
import { count } from "./text.js";
import { h, update } from "./view.js";

const NAMES_SHOWN = 200;
const GLYPHS = {
  create: "+",
  update: "~",
  restore: "^",
  tag: "#",
  delete: "-",
  unchanged: "=",
  errors: "!",
  unknown: "?",
};
const HEAD = ["create", "update", "restore", "delete", "unchanged", "errors"];
const GROUPS = {
  delete: "Deletions",
  restore: "Restored",
  update: "Updates",
  create: "New secrets",
  tag: "Tags mended",
};

const NOTHING = "The vault is as the source wants it. Nothing would be done.";

const isEmpty = (plan) => plan.changes.length + Object.keys(plan.errors).length === 0;
const ofAction = (plan, action) => plan.changes.filter((change) => change.action === action);
export const deletionsOf = (plan) => ofAction(plan, "delete");
export const strangersOf = (plan) => deletionsOf(plan).filter((change) => change.owner !== "this");
export const heldOf = (plan) => plan.changes.filter((change) => change.held);
export const names = (list) =>
  h(
    "ul.names",
    list.map((name) => h("li", { key: name }, code(name))),
  );

const glyph = (action) => h(`span.glyph.${action}`, { "aria-hidden": "true" }, GLYPHS[action]);

// Counts with their glyphs; where there is room for the words, they are shown, too.
export const counted = (counts, shown = HEAD, word = "span") =>
  shown.map((name) =>
    h(`span.count.${counts[name] ? name : "none"}`, glyph(name), ` ${counts[name] ?? 0} `, h(word, name)),
  );

// `self` keeps what is filtered; the screen that shows the plan owns it.
export function planView(plan, self, sync) {
  const errors = Object.entries(plan.errors);
  return h(
    "section.plan",
    { "aria-label": "Plan" },
    h(
      "p.head",
      counted(plan.counts, plan.counts.unknown ? [...HEAD, "unknown"] : HEAD),
      copyButton(asText(plan, sync), "plan as text", "Copy as text"),
    ),
    plan.stops.map((stop) => h("div.stop", h("strong", "A guard stops this sync. "), stop)),
    plan.warnings.map((warning) => h("p.note.warn", warning)),
    plan.blocked.map((blocked) => h("p.note", `waits for ${blocked}`)),
    plan.drift?.length > 0 && h("p.note", "Changed by somebody else, and put right: ", plan.drift.join(", ")),
    isEmpty(plan) && h("p.empty", NOTHING),
    errors.map(([name, why]) =>
      h("p.change", { key: name }, glyph("errors"), " error ", code(name), " ", why),
    ),
    Object.keys(GROUPS).map((action) => group(ofAction(plan, action), action, self)),
  );
}

function group(changes, action, self) {
  if (changes.length === 0) return null;
  const title = h("h3", `${GROUPS[action]} `, h("span.number", changes.length));
  if (changes.length <= NAMES_SHOWN) return h("div", { key: action }, title, list(changes));
  const text = self.texts?.[action] ?? "";
  const found = changes.filter((change) => change.name.toLowerCase().includes(text.toLowerCase()));
  const oninput = (event) => update(self, { texts: { ...self.texts, [action]: event.target.value } });
  return h(
    "details",
    { key: action },
    h("summary", title),
    h("input", {
      type: "search",
      placeholder: "Filter by name",
      "aria-label": `Filter ${action} by name`,
      value: text,
      oninput,
    }),
    list(found.slice(0, NAMES_SHOWN)),
    found.length > NAMES_SHOWN &&
      h("p.muted", `${count(found.length - NAMES_SHOWN, "more name")}: use the filter.`),
  );
}

function list(changes) {
  return h(
    "ul.changes",
    changes.map(({ action, name, held, owner, keys }) =>
      h(
        "li.change",
        { key: name },
        glyph(action),
        ` ${action} `,
        code(name),
        action === "delete" && owner === "nobody" && h("span.tagged", "not written by this sync"),
        held && h("span.tagged", `held: ${held}`),
        keysOf(keys).map(([what, key]) => h("div.key", glyph(what), ` ${WORDS[what]} `, code(key))),
      ),
    ),
  );
}

// Which keys of a bundle change, and how.
const WORDS = { delete: "removed", update: "changed", create: "added" };
const keysOf = (keys) =>
  Object.entries(WORDS).flatMap(([action, word]) => (keys?.[word] ?? []).map((key) => [action, key]));

// The same plan as the client shows it in a terminal.
function asText(plan, sync) {
  const actions = Object.keys(GROUPS);
  const signed = (name) => `${GROUPS[name] ? GLYPHS[name] : ""}${plan.counts[name]} ${name}`;
  const counts = [...actions, "imported", "unchanged", "unknown", "errors"].filter(
    (name) => plan.counts[name],
  );
  const line = ({ action, name, held, owner, keys }) => {
    const notes = [owner === "nobody" && "not written by this sync", held && `held: ${held}`];
    const parts = keysOf(keys).map(([what, key]) => `\n  ${GLYPHS[what]}   ${key}`);
    return [`${GLYPHS[action]} ${name}`, ...notes].filter(Boolean).join("  ") + parts.join("");
  };
  const lines = [
    ...actions.flatMap((action) => ofAction(plan, action).map(line).sort()),
    ...Object.entries(plan.errors).map(([name, why]) => `! ${name}: ${why}`),
    ...plan.blocked.map((text) => `waits: ${text}`),
    ...plan.warnings.map((text) => `note: ${text}`),
    ...plan.stops.map((text) => `stopped: ${text}`),
    ...(isEmpty(plan) ? [NOTHING] : []),
  ];
  const head = `${sync}: ${counts.map(signed).join(", ") || "nothing to do"}  (fingerprint ${plan.fingerprint})`;
  return [head, ...lines].join("\n  ");
}
