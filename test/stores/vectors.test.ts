// The frozen vectors, read by the code and by a second reader that was written from test/vectors/README.md alone.

import { createDecipheriv, createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { constants, inflateRawSync } from "node:zlib";
import { Packr } from "msgpackr";
import { expect, test } from "vitest";
import { z } from "zod";
import { cloudEvent } from "../../dapr/bus.ts";
import { ContextId, TenantId } from "../../protocol/ids.ts";
import { instant } from "../../protocol/units.ts";
import { RecordCodec } from "../../stores/codec.ts";
import { Keyring, parseRootKeys } from "../../stores/keyring.ts";
import { seededDie } from "./die.ts";

const read = (name: string): unknown => JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"));
const keyringOf = (rootKey: string): Keyring => new Keyring(parseRootKeys(rootKey), seededDie("unused"));
const packr = new Packr({ useRecords: false });
const hmac = (key: Uint8Array, data: string | Uint8Array, hash = "sha256"): Buffer => createHmac(hash, key).update(data).digest();

const GrantVector = z.object({
  rootKey: z.string(),
  tenant: TenantId,
  token: z.string(),
  claims: z.record(z.string(), z.unknown()),
  denied: z.array(z.string()).min(1),
});
const grant = GrantVector.parse(read("grant"));

test("the grant of the vector is genuine, and what resembles it is not", () => {
  const keyring = keyringOf(grant.rootKey);
  expect(keyring.grants.verify(grant.tenant, grant.token)).toEqual(grant.claims);
  for (const token of grant.denied) expect(keyring.grants.verify(grant.tenant, token), token).toMatchObject({ ok: false, code: "denied" });
});

test("the grant of the vector is signed as the page says", () => {
  const [prefix, epoch, claims = "", signature] = grant.token.split(".");
  const tenantKey = hmac(Buffer.from(grant.rootKey, "base64"), `strata/grant/1/${grant.tenant}`);
  expect(hmac(tenantKey, `${prefix}.${epoch}.${claims}`).toString("base64url")).toBe(signature);
  expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toEqual(grant.claims);
});

const RecordVector = z.object({
  rootKey: z.string(),
  context: ContextId,
  idempotencyKey: z.string(),
  subject: z.string(),
  keyTable: z.base64(),
  record: z.base64(),
  holds: z.object({
    version: z.int(),
    digest: z.string(),
    previous: z.string(),
    at: z.int(),
    kind: z.string(),
    author: z.string(),
    attempt: z.string(),
    key: z.string(),
    items: z.array(z.object({ role: z.string(), labels: z.array(z.string()), subjects: z.array(z.string()), bytes: z.int() })),
    slots: z.array(z.object({ name: z.string(), bytes: z.int().nullable() })),
    contents: z.array(z.string()),
  }),
});
const records = ["record", "record-flushed"].map((name) => RecordVector.parse(read(name)));
const bytes = (base64: string): Buffer => Buffer.from(base64, "base64");
const latin1 = (hex: string): string => Buffer.from(hex, "hex").toString("latin1");

test.each(records)("the record of the vector is read as what it holds", (record) => {
  const codec = new RecordCodec(keyringOf(record.rootKey), seededDie("unused"));
  const keys = codec.openKeys(record.context, bytes(record.keyTable));
  const { holds } = record;
  expect(codec.genesis(record.context)).toBe(holds.previous);
  expect(codec.decode(record.context, keys, bytes(record.record), true)).toMatchObject({
    ...holds,
    attempt: latin1(holds.attempt),
    key: latin1(holds.key),
    items: holds.items.map((item) => ({ ...item, subjects: item.subjects.map(latin1) })),
  });
  expect(keys.pseudonym("key", record.idempotencyKey)).toBe(latin1(holds.key));
});

/** AES-256-GCM as the page says: nonce, ciphertext, tag. */
function open(key: Uint8Array, sealed: Uint8Array, additional: string): Buffer {
  const cipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12), { authTagLength: 16 });
  cipher.setAAD(Buffer.from(additional)).setAuthTag(sealed.subarray(-16));
  return Buffer.concat([cipher.update(sealed.subarray(12, -16)), cipher.final()]);
}

function unpacked(plain: Buffer): Buffer {
  if (plain[0] === 0) return plain.subarray(1);
  if (plain[0] === 1) return inflateRawSync(plain.subarray(1));
  return inflateRawSync(Buffer.concat([plain.subarray(1), Buffer.of(0, 0, 0xff, 0xff)]), { finishFlush: constants.Z_SYNC_FLUSH });
}

type Nodes = readonly (readonly [depth: number, path: number, key: Buffer])[];

function leafOf(nodes: Nodes, n: number): Buffer {
  const [depth = 0, , root] = nodes.find(([d, path]) => n >>> (24 - d) === path) ?? [];
  if (root === undefined) throw new Error("no node leads to this leaf");
  let key: Buffer = root;
  for (let bit = 24 - depth - 1; bit >= 0; bit--) key = hmac(key, Buffer.of((n >>> bit) & 1));
  return key;
}

test.each(records)("the record of the vector is read by who knows the page and has the root key", (record) => {
  const [format, ...rest] = bytes(record.keyTable);
  expect(format).toBe(1);
  const [epoch, table] = packr.unpack(Buffer.from(rest)) as [number, Buffer];
  expect(epoch).toBe(1);
  const tenantKey = hmac(bytes(record.rootKey), "strata/tenant/1/main");
  const { secret, roots } = packr.unpack(open(tenantKey, table, `${record.context}/the key table`)) as {
    secret: Buffer;
    roots: [Buffer, Nodes][];
  };

  const [packed, seal, contents] = packr.unpack(bytes(record.record).subarray(1)) as [Buffer, Buffer, Buffer[]];
  const digest = createHash("sha256").update("strata/record/1\0").update(packed).digest();
  expect(digest.toString("hex")).toBe(record.holds.digest);
  expect(hmac(hmac(secret, "strata/seal/1"), digest).subarray(0, 16)).toEqual(seal);

  const [version, , previous, , , , key, , , firstContent, , items, slots] = packr.unpack(packed);
  expect(Buffer.from(previous)).toEqual(createHash("sha256").update(`strata/genesis/1\0${record.context}`).digest());
  expect(Buffer.from(key)).toEqual(hmac(secret, `strata/key/1/${record.idempotencyKey}`).subarray(0, 16));
  const alice = hmac(secret, `strata/subject/1/${record.subject}`).subarray(0, 16);
  expect(Buffer.from(items[0][4][0])).toEqual(alice);

  const digests = [...items, ...slots].map((mark: unknown[]) => mark[2]);
  const texts = contents.map((sealed, i) => {
    const [subject = ""] = (items[i]?.[4] ?? []).map((name: Uint8Array) => Buffer.from(name).toString("hex"));
    const nodes = roots.find(([name]) => name.toString("hex") === subject)?.[1] ?? [];
    const pair = hmac(leafOf(nodes, firstContent + i), "strata/content/1", "sha512");
    const plain = open(pair.subarray(0, 32), sealed, `${record.context}/${version}/${record.holds.attempt}/${i}`);
    const text = unpacked(plain);
    expect(hmac(pair.subarray(32), text)).toEqual(digests[i]);
    return text.toString();
  });
  expect(texts).toEqual(record.holds.contents);
});

test("the event of the vector is published as it says: a CloudEvent with ids and numbers, and no content", () => {
  const vector = z
    .object({
      event: z.object({
        type: z.literal("strata.context.appended"),
        context: ContextId,
        version: z.int(),
        digest: z.string(),
        at: z.int().transform(instant),
        author: z.string(),
      }),
      cloudEvent: z.record(z.string(), z.unknown()),
    })
    .parse(read("cloud-event"));
  expect(cloudEvent(vector.event)).toEqual(vector.cloudEvent);
  expect(vector.cloudEvent).toMatchObject({ specversion: "1.0", id: "main.desk-4/1", source: "/strata/main", subject: "main.desk-4" });
});
