const MiB = 1024 * 1024;

/** Every bound of an import; units stand in the names. Those of a call are in dapr/client.ts, what the contract limits in protocol/limits.ts. */
export const importLimits = {
  /** A longer line is passed over without being held. */
  bytes_per_line: 64 * MiB,
  /** Lines being recorded at the same time may have this much text together; one alone may have more. */
  bytes_at_once: 128 * MiB,
  /** A store is written for many contexts at the price of one, so the more are under way the faster it goes, up to about here. */
  contexts_at_once: 32,
  contexts_at_once_max: 256,

  items_per_page: 1_000,
  /** The line's other fields go into the first message's record unless they are longer than this; then they get a record of their own. */
  chars_of_fields_beside_item: MiB,

  /** How often a context is read again because another writer was ahead, without finding more of the line in it. */
  rereads: 3,

  // What is said.
  errors_shown: 100,
  keys_shown: 8,
} as const;
