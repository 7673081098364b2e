const KiB = 1024;
const MiB = 1024 * KiB;

/** Every bound in the system, in one place; nothing queues, loops, grows or waits without one (B1). Units stand in the names. */
export const limits = {
  // What one call may carry.
  bytes_per_body: 8 * MiB,
  json_nesting: 256,
  items_per_append: 1_000,
  parts_per_item: 256,
  slots_per_append: 256,
  labels_per_item: 16,
  subjects_per_item: 8,
  chars_per_key: 256,
  chars_per_label: 128,
  chars_per_name: 63,
  chars_per_tool_name: 256,
  chars_per_call_id: 256,
  chars_per_media_type: 128,
  chars_per_subject: 256,
  chars_per_token: 8 * KiB,
  /** What one turn may add at rest, before compression. A record is one value of the store and travels as base64. */
  bytes_per_turn: 4 * MiB,

  // What one context may hold.
  versions_per_context: 1_000_000,
  /** Leaves of a key tree: one for each content (item, slot value) that a context ever took. */
  content_bits: 24,
  slots_per_context: 1_024,
  /** Of all slots together: every read answers them whole, beside its items, and the head holds them. */
  bytes_of_slots: 4 * MiB,
  subjects_per_context: 4_096,

  // What one reply may carry; `next` goes on where it ends.
  items_per_read: 10_000,
  bytes_per_reply: 8 * MiB,
  versions_per_history: 1_000,
  history_default: 100,
  contexts_per_list: 1_000,
  list_default: 100,

  // Keys of idempotent turns are remembered for both of these, whichever is longer (C10).
  key_window_versions: 10_000,
  key_window_ms: 24 * 60 * 60 * 1000,

  // Time to live.
  ttl_min_ms: 1_000,
  ttl_max_ms: 10 * 365 * 24 * 60 * 60 * 1000,

  // Queues and patience.
  queue_per_context: 128,
  queue_retry_after_ms: 250,
  turns_per_host: 4_096,
  turn_deadline_ms: 15_000,
  decisions_per_turn: 64,
  settle_attempts: 8,
  settle_pause_ms: 20,
  settle_pause_max_ms: 1_000,
  /** One call to the sidecar, from the wish for a connection to the last byte of the answer. */
  store_call_ms: 5_000,
  /** Group commit keeps the number of calls under way small. */
  sidecar_connections: 128,
  sidecar_idle_ms: 60_000,

  // Group commit (C4).
  records_per_group: 128,
  bytes_per_group: 4 * MiB,

  // Proofs (C5, C8).
  drop_delay_ms: 10 * 60 * 1000,
  hot_ms: 2_000,

  // Loading (C6).
  records_per_bulk: 128,
  /** Where nothing tells yet how large they are. */
  records_per_first_bulk: 32,
  bytes_per_bulk: 16 * MiB,
  /** How many records beyond the head's version the first read asks for. */
  records_beyond_head: 8,
  /** Decoded records that a load keeps for readers. */
  bytes_per_load: 16 * MiB,
  load_rounds: 64,

  // The head is a checkpoint: how many versions may pass before it is written again.
  head_every_versions: 128,

  // What waits to be done after a commit (C7).
  /** A crash's leftovers (events, the directory) wait no longer than this; 10,000 contexts in use are 170 reminders a second. */
  tend_period_ms: 60_000,
  expire_due_max_ms: 30 * 24 * 60 * 60 * 1000,
  expire_fires_per_drop_delay: 8,
  events_per_publish: 256,
  /** Between two publications of one host, unless a whole one waits already. */
  events_gather_ms: 50,
  events_waiting: 65_536,
  report_delay_ms: 1_000,
  reports_per_call: 256,
  drops_at_once: 16,
  reminders_known: 64,
  /** For how many periods an activation counts on a reminder that it registered. */
  reminder_trust_periods: 4,

  // Memory of one host.
  live_contexts: 100_000,
  bytes_hot: 256 * MiB,
  grants_cached: 4_096,

  // The tenant's directory.
  names_per_leaf: 256,
  tenant_attempts: 32,
} as const;

export type Limits = { readonly [K in keyof typeof limits]: number };

/** The relations between the limits, checked before any process serves a turn. */
export function checkLimits(l: Limits = limits): void {
  const wrong = [
    l.bytes_per_turn > l.bytes_per_body && "bytes_per_turn > bytes_per_body",
    l.bytes_per_turn > l.bytes_per_group && "bytes_per_turn > bytes_per_group: a record would fit in no group",
    l.bytes_per_turn > l.bytes_per_reply && "bytes_per_turn > bytes_per_reply: a turn could not be read back",
    l.hot_ms * 2 > l.drop_delay_ms && "hot_ms > drop_delay_ms / 2: a hot read would outlive the proof of its tail (C5, C8)",
    l.store_call_ms >= l.turn_deadline_ms && "store_call_ms >= turn_deadline_ms: one slow call would use up a turn",
    l.head_every_versions > l.key_window_versions && "head_every_versions > key_window_versions",
    l.list_default > l.contexts_per_list && "list_default > contexts_per_list",
    l.history_default > l.versions_per_history && "history_default > versions_per_history",
  ].filter((finding) => finding !== false);
  if (wrong.length > 0) throw new Error(`limits: ${wrong.join("; ")}`);
}
