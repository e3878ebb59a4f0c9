// Add Sync, and the same steps to change one. The draft is kept in memory only.
import { SYNCS, pathOf } from "./actions.js";
import { destinationStep, loadLists } from "./destination.js";
import { check, errorSummary, newForm, showErrors, textField } from "./form.js";
import { askPlan, get, send } from "./http.js";
import { optionsStep, tagsAreRead } from "./options.js";
import { button, fill, say, screenView } from "./parts.js";
import { reviewStep } from "./review.js";
import { loadRules } from "./rules.js";
import { lookAtFolder, sourceIsThere, sourceStep } from "./source.js";
import { DEFAULTS, blankValues, bodyOf, changesOf, valuesOf } from "./draft.js";
import { projectName } from "./summary.js";
import { slug } from "./text.js";
import { h, redraw, state, update } from "./view.js";

const STEPS = [
  { name: "Destination type", fields: [], view: typeStep },
  {
    name: "Source",
    fields: ["projectId", "environment", "secretPath"],
    view: sourceStep,
    isReady: sourceIsThere,
  },
  {
    name: "Destination",
    fields: [
      "connectionId",
      ...["compartment", "vault", "key"].map((name) => `destinationConfig.${name}Ocid`),
    ],
    view: destinationStep,
  },
  {
    name: "Sync Options",
    fields: ["syncOptions.initialSyncBehavior", ...Object.keys(DEFAULTS)],
    view: optionsStep,
    isReady: tagsAreRead,
  },
  { name: "Details", fields: ["name", "description"], view: detailsStep, isReady: nameIsFree },
  { name: "Review", fields: [] },
];
const LAST = STEPS.length - 1;
const STEP_OF_LINK = { source: 1, destination: 2, options: 3 };
const FIELDS = STEPS.flatMap((step) => step.fields);
// The field of the form that a path of the API is about, or a part of.
const fieldOf = (path) => FIELDS.find((field) => `${path.join(".")}.`.startsWith(`${field}.`));

// `mode` is new, edit or duplicate; `id` the sync that is changed or copied.
export function wizardScreen(mode, id, link) {
  const isEdit = mode === "edit";
  const title = isEdit ? "Edit Sync" : "Add Sync";
  const self = { title, steps: STEPS, step: STEP_OF_LINK[link] ?? 1, reached: isEdit ? LAST : 1 };

  const load = () =>
    fill(self, async () => {
      const [answer] = await Promise.all([id && get(pathOf(id)), loadRules(), loadProjects()]);
      const values = answer ? valuesOf(answer.secretSync) : blankValues(FIELDS, onlyProject());
      if (mode === "duplicate") values.name = "";
      const form = {
        ...newForm("SyncConfig", values),
        lists: {},
        editedId: isEdit ? id : undefined,
        before: { ...values },
      };
      loadLists(form);
      lookAtFolder(form);
      return { form };
    });

  function goTo(step) {
    if (step === 4) proposeName(self.form);
    update(self, { step, reached: Math.max(self.reached, step), plan: null, why: null });
    if (step === 2) loadLists(self.form);
    if (step === LAST) replan();
    setTimeout(() => document.getElementById("step-title")?.focus());
  }

  async function next(event) {
    event.preventDefault();
    const { fields, isReady } = STEPS[self.step];
    if (self.isBusy || self.step === LAST || !check(self.form, fields)) return;
    update(self, { isBusy: true });
    const isGood = !isReady || (await isReady(self.form));
    update(self, { isBusy: false });
    if (isGood) goTo(self.step + 1);
    else showErrors(self.form, fields);
  }

  async function replan() {
    const turn = {};
    update(self, { turn, plan: null, planError: null, saveError: null, isAgreed: false, why: null });
    try {
      const plan = await askPlan(SYNCS, bodyOf(self.form.values), { syncId: self.form.editedId });
      if (turn === self.turn) update(self, { plan });
    } catch (error) {
      if (turn === self.turn) takeError(error, "planError");
    }
  }

  // Field errors of the server stand at their fields, the others above the buttons.
  function takeError(error, name) {
    const known = error.issues.map((issue) => ({ ...issue, field: fieldOf(issue.path) }));
    for (const { field, message } of known) if (field) self.form.errors[field] = message;
    const first = known.find(({ field }) => field);
    if (!first) return update(self, { [name]: error });
    goTo(STEPS.findIndex(({ fields }) => fields.includes(first.field)));
    showErrors(self.form, STEPS[self.step].fields);
  }

  async function save(isAutoSyncEnabled) {
    if (self.isBusy) return;
    update(self, { isBusy: true, saveError: null });
    const { form } = self;
    const values = { ...form.values, isAutoSyncEnabled };
    const query = { plan: self.plan.fingerprint };
    try {
      const answer = isEdit
        ? await send("PATCH", pathOf(id), { query, body: changesOf(form.before, values) })
        : await send("POST", SYNCS, { query, body: bodyOf(values) });
      state.warnings = answer.warnings;
      form.isChanged = false;
      say(`${values.name} is ${isEdit ? "changed" : "created"}.`);
      location.hash = `/syncs/${answer.secretSync.id}`;
    } catch (error) {
      if (error.status === 409 && error.plan)
        update(self, {
          plan: error.plan,
          isAgreed: false,
          why: "It changed while you looked. This is the plan of now; nothing was saved.",
        });
      else takeError(error, "saveError");
    }
    update(self, { isBusy: false });
  }

  self.isDirty = () => self.form?.isChanged;
  self.view = () => screenView(self, load, [], self.form && wizardFrame(self, { goTo, next, replan, save }));
  load();
  return self;
}

function wizardFrame(self, does) {
  const { form, step, reached } = self;
  const { name, fields, view } = STEPS[step];
  const steps = STEPS.map((one, index) => {
    const isLink = index <= reached && index !== step;
    const props = {
      key: one.name,
      "aria-current": index === step && "step",
      class: index < reached && "done",
    };
    return h(
      "li",
      props,
      isLink ? button(one.name, () => does.goTo(index), { class: "plain" }) : h("span", one.name),
    );
  });
  return [
    h("ol.steps", steps),
    h(
      "form",
      { class: step === LAST ? "review" : "step", key: name, novalidate: true, onsubmit: does.next },
      h("h2", { id: "step-title", tabindex: "-1" }, name),
      errorSummary(form, fields),
      step === LAST ? reviewStep(self, does) : view(form),
      step < LAST &&
        h(
          "div.actions",
          step > 0 && button("Back", () => does.goTo(step - 1)),
          h("button.primary", { type: "submit", disabled: self.isBusy }, "Next"),
        ),
    ),
  ];
}

function typeStep() {
  return h(
    "label.choice",
    h("input", { type: "radio", checked: true }),
    h("span", h("strong", "OCI Vault"), h("span.help", "A vault of Oracle Cloud Infrastructure.")),
  );
}

function detailsStep(form) {
  return [
    textField(form, "name", "Name", {
      help: "Must be slug-friendly.",
      onchange: () => nameIsFree(form).then(redraw),
    }),
    textField(form, "description", "Description", {
      area: true,
      help: `${form.values.description.length} of 256`,
      maxlength: 256,
    }),
  ];
}

function proposeName({ values }) {
  const { secretPath, environment, projectId } = values;
  values.name ||= slug(
    `${secretPath.split("/").filter(Boolean).at(-1) ?? projectName(projectId)}-${environment}`,
  );
}

async function nameIsFree({ values: { name, projectId }, editedId, errors }) {
  const found = await get(`${SYNCS}/sync-name/${encodeURIComponent(name)}`, { projectId }).catch(() => null);
  // Or not known: then the server tells at the end.
  if (!found || found.secretSync.id === editedId) return true;
  errors.name = "This project has a sync of this name.";
  return false;
}

const onlyProject = () => state.project || (state.projects.length === 1 ? state.projects[0].id : "");

// Projects with their names; where the source does not list them, they are typed.
export async function loadProjects() {
  if (state.projects) return;
  const { projects } = await get("/api/v1/projects").catch(() => ({ projects: [] }));
  update(state, { projects, projectNames: new Map(projects.map(({ id, name }) => [id, name ?? id])) });
}
