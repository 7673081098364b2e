import { test } from "vitest";
import { Group } from "../../actors/group.ts";
import { groupClaims } from "./group-claims.ts";

for (const [claim, holds] of groupClaims) test(claim, () => holds({ Group }));
