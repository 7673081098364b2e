import { createHmac, createSecretKey } from "node:crypto";

type Algorithm = "sha256" | "sha512";

/**
 * HMAC of `data`. The key goes in as a KeyObject: handed over as raw bytes, Node 24 spends three times as long (17 us, not 6) on finding
 * out what it is, and a turn makes eight of these.
 */
export const hmac = (key: Uint8Array, data: Uint8Array | string, algorithm: Algorithm = "sha256"): Buffer =>
  createHmac(algorithm, createSecretKey(key)).update(data).digest();
