import { test } from "vitest";
import { ContextActor } from "../../actors/context.ts";
import { commitClaims } from "./commit-claims.ts";
import { loadClaims } from "./load-claims.ts";
import { remindingClaims } from "./reminding-claims.ts";

for (const [claim, holds] of [...commitClaims, ...loadClaims, ...remindingClaims]) test(claim, () => holds({ ContextActor }));
