import { isUtf8 } from "node:buffer";
import { posix } from "node:path";
import { Refused, refused } from "./answers.ts";

const needsCleaning = /\/\/|\/\.|.\/$/;

/** The path as daprd's router sees it: escapes stay, dot segments, doubled slashes and a slash at the end go. */
export function cleanPath(path: string): string {
  if (!needsCleaning.test(path)) return path;
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

/**
 * Undoes the escapes of one path segment. As in daprd, `+` is a space. `undefined` for escapes that are none. Bytes that are no UTF-8 are
 * kept, each as half of a character, since daprd takes them in some places: such a name is not well-formed.
 */
export function unescapeSegment(segment: string): string | undefined {
  if (!segment.includes("%") && !segment.includes("+")) return segment;
  if (brokenEscape.test(segment)) return undefined;
  const byte = (_: string, hex: string): string => String.fromCharCode(Number.parseInt(hex, 16));
  const raw = segment.replaceAll("+", " ").replace(/%(..)/g, byte);
  const bytes = Buffer.from(raw, "latin1");
  return isUtf8(bytes) ? bytes.toString() : raw.replace(/[\x80-\xff]/g, (one) => String.fromCharCode(halves + one.charCodeAt(0)));
}

const brokenEscape = /%(?![0-9a-fA-F]{2})/;
/** Where the halves of characters begin that stand for bytes. */
const halves = 0xdc00;

const quote = (name: string): string => JSON.stringify(name.toWellFormed());
const bad = (message: string): Refused => new Refused(refused(400, "ERR_BAD_REQUEST", `invalid request: ${message}`));

function checkCharacters(what: string, name: string, forbidden: RegExp): void {
  if (forbidden.test(name)) throw bad(`${what} contains forbidden character: ${quote(name)}`);
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) throw bad(`${what} contains control character at position ${index}: ${quote(name)}`);
  }
}

/** Names of actors, reminders and timers must be one path segment for the app. */
export function checkName(what: string, name: string): void {
  checkCharacters(`${what}name`, name, /[#?\0/\\]/);
  if (name === "." || name === "..") throw bad(`${what}name is a path traversal sequence: ${quote(name)}`);
}

/** A method may hold slashes; what would climb out of `/method/` is resolved before it is put there. */
export function cleanMethod(method: string): string {
  checkCharacters("method", method, /[#?\0]/);
  if (!/[./]/.test(method)) return method;
  let clean = posix.normalize(method);
  while (clean.startsWith("../")) clean = clean.slice(3);
  if (clean === ".." || clean === ".") return "";
  return clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

/** The path as it goes to the app, or `undefined` where daprd cannot make a URL of it. A `%` is sent as it stands. */
export function appPath(path: string): string | undefined {
  if (path.includes("%") && brokenEscape.test(path)) return undefined;
  const bytes = path.isWellFormed()
    ? path
    : path.replace(/[\udc80-\udcff]/gu, (half) => `%${(half.charCodeAt(0) - halves).toString(16).toUpperCase()}`);
  return encodeURI(bytes.toWellFormed()).replaceAll("%25", "%");
}
