// Words, times and numbers, as people read them.

const UNITS = [
  [60, 1, "s"],
  [3600, 60, "min"],
  [86_400, 3600, "h"],
  [Infinity, 86_400, "d"],
];
const OCID_BEGIN = 16;
const OCID_END = 6;

// "1 secret", "2 secrets".
export const count = (number, noun, many = `${noun}s`) =>
  `${number.toLocaleString("en")} ${number === 1 ? noun : many}`;

// The words of a text with commas between them.
export const words = (text) =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);

export function shortOcid(ocid) {
  const most = OCID_BEGIN + OCID_END + 3;
  return ocid.length > most ? `${ocid.slice(0, OCID_BEGIN)}…${ocid.slice(-OCID_END)}` : ocid;
}

export function relative(time, now = Date.now()) {
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "now";
  const [, unit, word] = UNITS.find(([limit]) => size < limit);
  const text = `${Math.round(size / unit)} ${word}`;
  return seconds < 0 ? `${text} ago` : `in ${text}`;
}

export const utc = (time) => `${new Date(time).toISOString().slice(0, 19).replace("T", " ")} UTC`;

export const clock = (time) => new Date(time).toISOString().slice(11, 16);

// The parts of a message, with keys of the same reason put together.
export function lines(message) {
  const groups = new Map();
  for (const part of message.split(/; |(?<=^[^:]*\. )/)) {
    const [, name, why] = /^([\w.-]+): (.*)$/s.exec(part) ?? [null, null, part];
    groups.set(why, [...(groups.get(why) ?? []), ...(name ? [name] : [])]);
  }
  return [...groups].map(([why, keys]) =>
    keys.length > 1 ? `${keys.length} keys: ${why} (${keys.join(", ")})` : [...keys, why].join(": "),
  );
}

// Makes a slug of any text, as names of syncs must be.
export const slug = (text) =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "");
