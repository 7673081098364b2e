import { test } from "vitest";
import { ContextActor } from "../../actors/context.ts";
import { expire } from "../../actors/ending.ts";
import { tend } from "../../actors/tending.ts";
import { acknowledgingClaims } from "./acknowledging-claims.ts";
import { commitClaims } from "./commit-claims.ts";
import { clearingClaims, endingClaims } from "./ending-claims.ts";
import { loadClaims } from "./load-claims.ts";
import { loadingClaims } from "./loading-claims.ts";
import { prepareClaims } from "./prepare-claims.ts";
import { eventClaims, publishingClaims } from "./publishing-claims.ts";
import { remindingClaims } from "./reminding-claims.ts";
import { tendingClaims } from "./tending-claims.ts";

const claims = [
  ...endingClaims,
  ...commitClaims,
  ...acknowledgingClaims,
  ...prepareClaims,
  ...tendingClaims,
  ...eventClaims,
  ...remindingClaims,
  ...loadClaims,
  ...loadingClaims,
];
for (const [claim, holds] of claims) test(claim, () => holds({ ContextActor }));
for (const [claim, holds] of publishingClaims) test(claim, () => holds({ tend }));
for (const [claim, holds] of clearingClaims) test(claim, () => holds({ expire }));
