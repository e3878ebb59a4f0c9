// The wizard's last step: everything at a glance, and the plan of what would happen.
import { setValue } from "./form.js";
import { button, checkbox, code, errorBox, loading } from "./parts.js";
import { deletionsOf, names, planView, strangersOf } from "./plan.js";
import { summary } from "./summary.js";
import { count } from "./text.js";
import { h, update } from "./view.js";

const OPTIONS_STEP = 3;

export function reviewStep(self, { goTo, replan, save }) {
  const { plan, steps } = self;
  const { values, lists } = self.form;
  const named = (id) =>
    Object.values(lists)
      .flat()
      .find((row) => row?.[0] === id)?.[1];
  const change = (name) =>
    button("Change", () => goTo(steps.findIndex((step) => step.name === name)), {
      class: "plain",
      "aria-label": `Change ${name}`,
    });
  return [
    summary(values, named, change),
    self.why && h("p.note.warn", { role: "status" }, self.why),
    errorBox(self.planError, replan),
    plan && takesAll(values) && deletionsOf(plan).length > 0 && wholeVault(self, goTo, replan),
    plan ? planView(plan, self, values.name) : !self.planError && loading(),
    plan && consent(self),
    errorBox(self.saveError, null, replan),
    h(
      "div.actions",
      button("Back", () => goTo(steps.length - 2)),
      plan && saveButtons(self, save),
    ),
  ];
}

function takesAll(values) {
  const isOverwritten = values["syncOptions.initialSyncBehavior"] === "overwrite-destination";
  const isNarrow = values["syncOptions.keySchema"] || values["syncOptions.bundle.name"];
  return isOverwritten && !isNarrow && !values["syncOptions.disableSecretDeletion"];
}

function wholeVault({ form, plan }, goTo, replan) {
  const set = (name, value) => () => {
    setValue(form, `syncOptions.${name}`, value);
    replan();
  };
  return h(
    "div.stop",
    h(
      "strong",
      "Every secret of this vault and compartment that the source does not hold will be scheduled for deletion:",
    ),
    names(deletionsOf(plan).map((one) => one.name)),
    h(
      "div.actions",
      button("Set a key schema", () => goTo(OPTIONS_STEP)),
      !form.values["syncOptions.includeAllSubFolders"] &&
        !form.values["syncOptions.filter.tags"] &&
        button("Import first", set("initialSyncBehavior", "import-prioritize-source")),
      button("Disable deletion", set("disableSecretDeletion", true)),
    ),
  );
}

// Nobody but the user can know whether what the sync never wrote is still wanted.
function consent(self) {
  const strangers = strangersOf(self.plan);
  if (strangers.length === 0) return null;
  const more = strangers.length - 1;
  const text = [
    `Delete ${count(deletionsOf(self.plan).length, "secret")}, among them `,
    code(strangers[0].name),
    more > 0 && ` and ${more} more`,
    ", which this sync never wrote",
  ];
  return h(
    "div.consent",
    checkbox(text, self.isAgreed, (event) => update(self, { isAgreed: event.target.checked })),
  );
}

function saveButtons({ plan, form, isBusy, isAgreed }, save) {
  const deletions = deletionsOf(plan).length;
  const isOn = form.values.isAutoSyncEnabled;
  const word = form.editedId ? "Save" : "Create";
  const paused = button(`${word}, paused`, () => save(false), { class: "primary", disabled: isBusy });
  if (!isOn) return paused;
  const deletes = deletions ? `, delete ${count(deletions, "secret")}` : "";
  const mustAgree = strangersOf(plan).length > 0 && !isAgreed;
  const go = button(isBusy ? "Saving …" : `${word} and sync${deletes}`, () => save(true), {
    class: deletions ? "danger" : "primary",
    disabled: isBusy || mustAgree,
  });
  // With a guard in the way the sync would do nothing but fail.
  return plan.stops.length ? [paused, go] : go;
}
