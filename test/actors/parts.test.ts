import { test } from "vitest";
import { ContextActor } from "../../actors/context.ts";
import { acknowledgingClaims } from "./acknowledging-claims.ts";
import { commitClaims } from "./commit-claims.ts";
import { loadClaims } from "./load-claims.ts";
import { prepareClaims } from "./prepare-claims.ts";
import { remindingClaims } from "./reminding-claims.ts";

for (const [claim, holds] of [...commitClaims, ...acknowledgingClaims, ...loadClaims, ...prepareClaims, ...remindingClaims])
  test(claim, () => holds({ ContextActor }));
