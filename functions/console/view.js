// Draws the page. Elements are made by calls and no text is ever parsed as HTML, so a name or a message
// cannot become markup. `view()` describes the whole page; what is there already is kept and changed.

// The one store: what the page shows is made from it. Screens keep what is theirs in state.screen.
export const state = {};

// Describes an element: "tag.class", props if there are any, children. Props are attributes; on… are
// handlers, PROPERTIES are set on the element; `key` tells rows apart; `mounted` and `removed` are called
// with the element. What is null or false is not shown.
export function h(name, ...children) {
  const [tag, ...classes] = name.split(".");
  const isProps = children[0]?.constructor === Object && !children[0].tag;
  const props = isProps ? children.shift() : {};
  return {
    tag,
    props: classes.length ? { class: classes.join(" "), ...props } : props,
    children: children.flat(Infinity),
  };
}

const PROPERTIES = new Set(["value", "checked", "indeterminate"]);
const HOOKS = new Set(["key", "mounted", "removed"]);
let root = null;
let view = null;
let isDue = false;
let added = [];

export function start(element, describe) {
  root = element;
  view = describe;
  draw();
}

// Changes the store, or a part of it, and draws.
export function update(part, changes) {
  Object.assign(part, changes);
  redraw();
}

// Draws soon, once for all changes that are made until then.
export function redraw() {
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    draw();
  });
}

function draw() {
  const focused = document.activeElement;
  patchChildren(root, [view()].flat(Infinity));
  const news = added;
  added = [];
  for (const element of news) element.vnode.props.mounted(element);
  // An element that was moved has lost the focus.
  if (focused?.isConnected && document.activeElement === document.body) focused.focus();
}

function patchChildren(parent, vnodes) {
  const before = [...parent.childNodes];
  const keyed = new Map();
  const plain = [];
  for (const node of before) {
    const key = node.vnode?.props.key;
    if (key === undefined) plain.push(node);
    else keyed.set(key, node);
  }
  let next = 0;
  const nodes = vnodes.map((vnode) => {
    const key = vnode?.props?.key;
    return patch(key === undefined ? plain[next++] : keyed.get(key), vnode);
  });
  const kept = new Set(nodes);
  for (const node of before) if (!kept.has(node)) remove(node);
  let place = parent.firstChild;
  for (const node of nodes) {
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
}

function patch(node, vnode) {
  if (!vnode?.tag) return patchText(node, vnode);
  // A remembered description: nothing has changed in it.
  if (node?.vnode === vnode) return node;
  const fits = node?.vnode?.tag === vnode.tag && node.vnode.props.key === vnode.props.key;
  const element = fits ? node : document.createElement(vnode.tag);
  const old = fits ? node.vnode.props : {};
  patchChildren(element, vnode.children);
  for (const name of Object.keys(old)) if (!(name in vnode.props)) set(element, name, null);
  for (const [name, value] of Object.entries(vnode.props)) {
    if (value !== old[name] || PROPERTIES.has(name)) set(element, name, value);
  }
  element.vnode = vnode;
  if (!fits && vnode.props.mounted) added.push(element);
  return element;
}

// What is not shown keeps its place as an empty text, so that its neighbours are recognised.
function patchText(node, vnode) {
  const text = vnode === null || vnode === undefined || vnode === false ? "" : String(vnode);
  if (node?.nodeType !== Node.TEXT_NODE) return document.createTextNode(text);
  if (node.data !== text) node.data = text;
  return node;
}

function set(element, name, value) {
  if (HOOKS.has(name)) return;
  if (name.startsWith("on")) element[name] = value ?? null;
  else if (PROPERTIES.has(name)) {
    const wanted = name === "value" ? (value ?? "") : Boolean(value);
    if (element[name] !== wanted) element[name] = wanted;
  } else if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : value);
}

function remove(node) {
  if (node.vnode) release(node);
  node.remove();
}

function release(element) {
  element.vnode.props.removed?.(element);
  for (const child of element.children) if (child.vnode) release(child);
}
