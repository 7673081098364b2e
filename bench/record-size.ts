import { decide } from "../core/context.ts";
import { emptyState } from "../core/state.ts";
import { systemClock, systemDie } from "../dapr/clock.ts";
import { ContextId } from "../protocol/ids.ts";
import { limits } from "../protocol/limits.ts";
import { instant } from "../protocol/units.ts";
import { RecordCodec } from "../stores/codec.ts";
import { Keyring, parseRootKeys } from "../stores/keyring.ts";
import { median } from "./statistics.ts";

/** Bytes at rest of the record of a turn that says one of `texts`, median: what the host hands to its sidecar before it is base64 there. */
export function sizeOfRecord(texts: readonly string[]): number {
  const id = ContextId.parse("main.bench-00000000-000000");
  const codec = new RecordCodec(new Keyring(parseRootKeys(Buffer.from(systemDie.bytes(32)).toString("base64")), systemDie), systemDie);
  const { keys } = codec.mintKeys(id);
  const state = { ...emptyState(id, codec.genesis(id)), version: 49, items: 49, contents: 49 };
  const sizes = texts.map((content, i) => {
    const decision = decide(
      state,
      {
        command: { method: "append", key: `turn-${i}`, items: [{ role: "user", content }] },
        author: "operator",
        key: keys.pseudonym("key", `turn-${i}`),
        request: keys.pseudonym("request", content),
        now: systemClock.now(),
        observed: instant(0),
        published: 0,
        defaults: {},
        pseudonym: (subject) => keys.pseudonym("subject", subject),
      },
      limits,
    );
    if (decision.do !== "commit") throw new Error(`the turn was not committed: ${JSON.stringify(decision)}`);
    return codec.encode(id, keys, decision.draft, decision.contents).bytes.length;
  });
  return Math.round(median(sizes));
}
