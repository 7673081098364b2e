import type { z } from "zod";

const SHOWN = 5;

/**
 * What a schema found, for the one who sent it: where, what was seen, what is allowed. Names of unknown fields are shown only where they look
 * like names, and of values how long they are, or a number that is out of its range: what was refused may be anything (P5).
 */
export function explain(error: z.ZodError): string {
  const issues = error.issues.flatMap((issue) => explainIssue(issue, []));
  const more = issues.length > SHOWN ? `; and ${issues.length - SHOWN} more` : "";
  return issues.slice(0, SHOWN).join("; ") + more;
}

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

function explainIssue(issue: Issue, above: Path): string[] {
  const path = [...above, ...issue.path];
  const at = place(path);
  if (issue.code === "unrecognized_keys")
    return [`${at}unknown field ${issue.keys.slice(0, SHOWN).map(shown).join(", ")}; ${issue.message}`];
  if (issue.code === "invalid_union") return explainUnion(issue.errors, path) ?? [`${at}${issue.message}`];
  if (issue.code === "invalid_key") return issue.issues.map((inner) => `${at}${inner.message}`);
  return [`${at}${issue.message}${seen(issue)}`];
}

/** What stood there, as far as the schema was asked to keep it (`reportInput`) and does not say so itself. */
function seen({ code, input }: Issue): string {
  if (typeof input === "number" && (code === "too_big" || code === "too_small")) return ` (seen: ${input})`;
  if (typeof input === "string" && code !== "invalid_type") return ` (seen: a text of ${input.length} characters)`;
  return Array.isArray(input) && code !== "invalid_type" ? ` (seen: ${input.length} elements)` : "";
}

/** The branch that came furthest is the one that was meant; where none did, all that would be allowed. */
function explainUnion(branches: readonly (readonly Issue[])[], path: Path): string[] | undefined {
  const deep = branches.filter((issues) => issues.some((issue) => issue.path.length > 0 || issue.code === "unrecognized_keys"));
  const meant = deep[0] ?? undefined;
  if (meant !== undefined) return meant.flatMap((issue) => explainIssue(issue, path));
  const all = branches.flatMap((issues) => issues.map((issue) => `${issue.message}${seen(issue)}`));
  return all.length === 0 ? undefined : [`${place(path)}${[...new Set(all)].join(", or ")}`];
}

function place(path: Path): string {
  if (path.length === 0) return "";
  return `${path.map((part) => (typeof part === "number" ? String(part) : shown(String(part)))).join(".")}: `;
}

const shown = (name: string): string => (/^[A-Za-z0-9_.-]{1,64}$/.test(name) ? name : "(a name that is not shown)");
