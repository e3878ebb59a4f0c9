// The plan of a stored sync, and the way through a guard.
import { attempt, pathOf, sync } from "./actions.js";
import { isTyped, openDialog, typed } from "./dialogs.js";
import { askPlan, get } from "./http.js";
import { button, fill, link, screenView, time } from "./parts.js";
import { deletionsOf, heldOf, names, planView } from "./plan.js";
import { changing } from "./session.js";
import { count } from "./text.js";
import { h, state, update } from "./view.js";

const OLD_MS = 5 * 60 * 1000;

export function planScreen(id) {
  const self = { title: "Plan", id, planChanged: show };

  // A plan that was shown on the way here counts: nobody agrees to one that was not seen.
  function show(planned) {
    update(self, { plan: null, row: null, ...planned });
    return fill(self, async () => {
      const [plan, { secretSync: row }] = await Promise.all([
        planned?.plan ?? askPlan(pathOf(id)),
        get(pathOf(id)),
      ]);
      return { plan, row, at: planned?.at ?? Date.now(), why: planned?.why, title: `Plan of ${row.name}` };
    });
  }

  const again = () => show(null);
  self.view = () => {
    const { plan, row, at, why, isLoading } = self;
    const isStopped = plan?.stops.length > 0;
    const buttons = [
      link(`/syncs/${id}`, "Back to the sync"),
      button(isLoading ? "Planning …" : "Plan again", again, { disabled: isLoading }),
      row && !isStopped && syncButton(self),
    ];
    const content = row && [
      why && h("p.note.warn", { role: "status" }, why),
      h("p.muted", "Made ", time(new Date(at).toISOString()), "; nothing was written for it."),
      planView(plan, self, row.name),
      isStopped && force(self, again),
    ];
    return screenView(self, again, buttons, content);
  };
  show(state.planned);
  state.planned = null;
  return self;
}

const isOld = (self) => Date.now() - self.at > OLD_MS;

// Carries out what is shown, and nothing else.
function run({ plan, row, id }, query) {
  const done = () => (location.hash = `/syncs/${id}`);
  attempt(`sync ${id}`, () => sync(row, { plan: plan.fingerprint, ...query }, done));
}

function syncButton(self) {
  const deletions = deletionsOf(self.plan).length;
  const text = deletions ? `Sync now, delete ${count(deletions, "secret")}` : "Sync now";
  const disabled = isOld(self) || state.doing.has(`sync ${self.id}`);
  return button(text, () => run(self), changing({ class: deletions ? "danger" : "primary", disabled }));
}

function force(self, again) {
  if (isOld(self))
    return h("div.force", h("p", "This plan is older than 5 minutes."), button("Plan again", again));
  const number = count(heldOf(self.plan).length || self.plan.changes.length, "change");
  return h(
    "div.force",
    h("p", `To go through with exactly these ${number}:`),
    button(`Force ${number} …`, () => openForce(self, number), changing({ class: "danger" })),
  );
}

function openForce(self, number) {
  const { plan, row } = self;
  const deletions = deletionsOf(plan);
  const form = {};
  const wanted = String(deletions.length);
  openDialog(`Force the sync of ${row.name}`, (close) => [
    [
      h("p", "The guard is lifted for exactly this plan. If it is another by now, nothing is written."),
      h("p", `${count(deletions.length, "deletion")}:`),
      names(deletions.map((one) => one.name)),
      typed(form, "Number of deletions", wanted),
    ],
    button(`Force ${number}`, () => (close(), run(self, { force: plan.fingerprint })), {
      class: "danger",
      disabled: !isTyped(form, wanted),
    }),
  ]);
}
