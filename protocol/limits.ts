const KiB = 1024;
const MiB = 1024 * KiB;

/**
 * Every bound on what callers may send and what a host, a sidecar or a command holds, tries and waits for, in one place; nothing queues, loops or grows
 * without one (B1). How long starting and stopping processes wait for each other stands where they do. Units stand in the names.
 */
export const limits = {
  // What one call may carry.
  bytes_per_body: 8 * MiB,
  json_nesting: 256,
  /** With the callers' own values inside. A call is read in one piece: a million would hold up everybody on its host for seconds. */
  json_values_per_body: 200_000,
  /** In one object or array of the contract's own; what it may hold is said of each below. */
  json_members: 1_024,
  /** Of a larger body only the first thing is told that its schema does not allow. */
  bytes_explained: 16 * KiB,
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

  // What a grant may say.
  chars_per_grantee: 128,
  /** Names and prefixes. */
  contexts_per_grant: 64,
  /** Ten years: nobody will remember whom a longer one was given to. */
  grant_max_ms: 3_650 * 24 * 60 * 60 * 1000,
  /** Those that hosts make for each other, and an operator's command for itself. */
  own_grant_ms: 10 * 60 * 1000,

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
  /** The head says all of them, in one value of the store. Whoever makes more turns within the window hears `overloaded`. */
  keys_per_context: 350_000,

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
  store_connections: 128,
  store_idle_ms: 60_000,
  /** How often a store is asked at start whether it can be trusted, while it does not do what it should, and how long is waited in between. */
  examine_attempts: 4,
  examine_pause_ms: 250,
  /** A whole first bulk of the largest records fits; a text of more would be past V8's strings. */
  store_bytes_per_answer: 256 * MiB,

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
  head_every_versions: 512,
  /** It says all keys that are remembered: with each so many more, the next one may be so many versions later again, up to the number below. */
  keys_per_head_step: 2_048,
  head_every_versions_max: 2_048,
  /** How many heads an ending host writes at once, of contexts that are further behind than `records_beyond_head` or still have turns. */
  heads_at_once: 16,
  /** A reminder that finds a context in use writes its head if it is further behind: to read so few records beyond it costs less than to write it. */
  head_behind_in_use: 32,

  // What waits to be done after a commit (C7).
  /** A crash's leftovers (events, the directory) wait no longer than this; 10,000 contexts in use are 170 reminders a second. */
  tend_period_ms: 60_000,
  expire_due_max_ms: 30 * 24 * 60 * 60 * 1000,
  expire_fires_per_drop_delay: 8,
  /** About so many reminders of its end exist for one context at most: each time such a part of its time to live has passed another is set, in case the last was lost. */
  expire_reminders: 8,
  events_per_publish: 256,
  /** That one fire of a reminder looks for, of those that are not out. */
  events_per_fire: 4_096,
  /** For so long the contents of a name that has ended stay for the sake of events that are not out. */
  events_kept_ms: 24 * 60 * 60 * 1000,
  /** Between two publications of one host, unless a whole one waits already. */
  events_gather_ms: 50,
  events_waiting: 65_536,
  /** Then the bus is away for longer, and each context's reminder brings its events back. */
  publish_attempts: 8,
  report_delay_ms: 1_000,
  reports_per_call: 256,
  drops_at_once: 16,
  reminders_known: 64,
  /** For how many periods an activation counts on a reminder that it registered. */
  reminder_trust_periods: 4,

  // Memory of one host.
  live_contexts: 100_000,
  /** Of their slots and remembered keys. The longest unused are left past it, and loaded again when they are. */
  bytes_live: 512 * MiB,
  live_tenants: 10_000,
  bytes_hot: 256 * MiB,
  grants_cached: 4_096,

  // The tenant's directory.
  names_per_leaf: 256,
  /** Of which a tenant's actor knows where they begin; those beyond are found from the nearest known. */
  leaves_known: 65_536,
  tenant_attempts: 32,
  /** A list that has asked contexts for so long answers the page that it has: whoever begins a context meanwhile waits behind it. */
  list_ms: 2_000,

  // The host's port, where its sidecar calls.
  /** The sidecar keeps idle connections for 90 s; whoever closes first must not be us, or a call is lost on a dead connection. */
  host_keep_alive_ms: 100_000,
  /** Of all calls' bodies that run, wait or are still arriving. */
  host_bytes_held: 256 * MiB,
  host_connections: 16_384,
  /** How long a sender may take for its headers and for the whole of a request: a sidecar sends at once what it has. */
  headers_ms: 10_000,
  request_ms: 30_000,
  /** Between two looks for senders who are too slow. */
  senders_look_ms: 1_000,
  /** How long a body that was refused may go on arriving, so that its sender reads the refusal instead of a reset. */
  refused_body_ms: 2_000,
  /** How long what a readiness probe found is good for, so that probes cost nothing. */
  readiness_fresh_ms: 1_000,
  /** Below the second that Kubernetes gives a probe. Who has not answered by then is away; daprd keeps a read waiting while its store is gone. */
  readiness_wait_ms: 700,
  /** Looks in a row, of up to twice `store_call_ms`, in which a sidecar that is well let no call through to actors; a round of placement may hold them up for one. */
  reach_looks: 2,
  /** Of 1, 2, 4, 8 and all at once the number with which 64 callers were served fastest (docs/decisions/0012). */
  calls_per_round: 4,
  /** So much of half the callers who are about is enough for a group of records to leave (docs/decisions/0020). */
  gather_share: 0.9,
  /** So much of them still count after each group that held fewer. */
  gather_fade: 0.9,
  /** A group waits for them no longer than this, nor than the last one took. */
  gather_ms: 20,

  // The embedded sidecar: its doors.
  sidecar_bytes_per_body: 16 * MiB,
  /** Of all callers' bodies that wait for their answers or are still arriving; past it they are refused. The host's own are bounded by what it does. */
  sidecar_bytes_held: 256 * MiB,
  /** At each of its two doors. */
  sidecar_connections: 16_384,
  /** Sent one behind the other before the first is answered; who sends more is cut off. Calls that wait for a turn are among them. */
  sidecar_calls_per_connection: 8,
  /** Longer than any client's pool keeps an idle connection: the side that sends must be the one that lets go. */
  sidecar_keep_alive_ms: 120_000,
  /** As in Go's decoder. */
  sidecar_json_nesting: 10_000,
  /** Of one body: a million of them would hold up everybody for seconds. */
  sidecar_json_values: 100_000,

  // The embedded sidecar: its app and actors, in daprd's measures.
  sidecar_app_keep_alive_ms: 60_000,
  sidecar_bytes_of_app_headers: 4 * KiB,
  sidecar_app_probe_ms: 2_000,
  sidecar_app_probe_every_ms: 1_000,
  /** Until the app has answered once, it is probably starting. */
  sidecar_app_probe_at_first_every_ms: 25,
  /** One lost probe is not a dead app. */
  sidecar_app_probe_failures: 3,
  sidecar_idle_default_ms: 60 * 60 * 1000,
  sidecar_idle_look_ms: 250,
  /** Actors kept active; past it the longest unused is deactivated early. */
  sidecar_activations: 100_000,
  sidecar_deactivations_at_once: 16,
  sidecar_deactivate_ms: 10_000,
  sidecar_host_wait_ms: 5_000,
  sidecar_call_retries: 5,
  sidecar_call_retry_ms: 1_000,

  // The embedded sidecar: reminders and timers.
  sidecar_reminders_firing: 1_024,
  /** Between two looks: the wall clock may jump, and setTimeout counts in 31 bits. */
  sidecar_reminder_look_ms: 1_000,
  sidecar_reminder_retries: 3,
  sidecar_reminder_retry_ms: 1_000,
  /** Of "actorreminder||default||<type>||<id>||<name>". */
  sidecar_bytes_of_job_name: 512,
  sidecar_timers: 100_000,

  // The embedded sidecar: publish and subscribe.
  sidecar_topics: 1_024,
  /** Of a topic that is subscribed to; past it publishing is refused. */
  sidecar_messages_waiting: 100_000,
  /** Of a topic that nobody subscribes to: the newest. */
  sidecar_messages_unread: 10_000,
  /** Of a dead-letter topic, subscribed to or not: the newest. */
  sidecar_dead_letters: 10_000,
  /** Of all topics together; past it publishing is refused. */
  sidecar_bytes_of_messages: 1_024 * MiB,
  /** Of a topic of which the newest are kept. */
  sidecar_bytes_of_kept: 64 * MiB,
  sidecar_deliveries_at_once: 10,
  /** A subscriber that has not answered then has failed: it would hold one of the places above for ever. */
  sidecar_delivery_ms: 60_000,
  /** After a failure of the disk. */
  sidecar_delivery_look_ms: 1_000,

  // The embedded sidecar: its file.
  /** Requests that share one transaction, and so one fsync. More would only make the first of them wait. */
  sidecar_writes_per_group: 256,
  sidecar_bytes_of_page_cache: 64 * MiB,
  /** Values past their time to live are hidden at once, and deleted so often, so many at a time. */
  sidecar_sweep_ms: 60 * 60 * 1000,
  sidecar_swept_at_once: 1_000,

  // Who calls from outside: commands and the import.
  /** Longer than a turn may take, so that its answer is heard. */
  caller_call_ms: 30_000,
  caller_bytes_per_reply: 64 * MiB,
  /** With these, a host that is away for half a minute is waited for. */
  caller_attempts: 12,
  caller_attempts_at_first: 4,
  caller_pause_ms: 100,
  caller_pause_max_ms: 5_000,
  caller_retry_after_max_ms: 30_000,
  /** Of what was no reply of Strata's. */
  caller_chars_shown: 200,

  // Importing trajectories.
  /** A longer line is passed over without being held. */
  import_bytes_per_line: 64 * MiB,
  /** Lines being recorded at the same time may have this much text together; one alone may have more. */
  import_bytes_at_once: 128 * MiB,
  /** A store is written for many contexts at the price of one, so the more are under way the faster it goes, up to about here. */
  import_contexts_at_once: 32,
  import_contexts_at_once_max: 256,
  import_items_per_page: 1_000,
  /** The line's other fields go into the first message's record unless they are longer than this; then they get a record of their own. */
  import_chars_of_fields_beside_item: MiB,
  /** The same for values, those of that message with them. An item has some more than its message, for its parts and its frame. */
  import_values_of_fields_and_item: 100_000,
  /** How often a context is read again because another writer was ahead, without finding more of the line in it. */
  import_rereads: 3,
  import_errors_shown: 100,
  import_keys_shown: 8,
} as const;

export type Limits = { readonly [K in keyof typeof limits]: number };

/** A pseudonym of 16 bytes and a version. */
const HEAD_BYTES_PER_KEY = 22;
const BASE64 = 4 / 3;

/** The relations between the limits, checked before any process serves a turn. */
export function checkLimits(l: Limits = limits): void {
  const wrong = [
    l.bytes_per_turn > l.bytes_per_body && "bytes_per_turn > bytes_per_body",
    l.bytes_per_turn > l.bytes_per_group && "bytes_per_turn > bytes_per_group: a record would fit in no group",
    l.bytes_per_turn > l.bytes_per_reply && "bytes_per_turn > bytes_per_reply: a turn could not be read back",
    l.hot_ms * 2 > l.drop_delay_ms && "hot_ms > drop_delay_ms / 2: a hot read would outlive the proof of its tail (C5, C8)",
    l.records_per_first_bulk * l.bytes_per_turn * 1.5 > l.store_bytes_per_answer &&
      "records_per_first_bulk * bytes_per_turn * 1.5 > store_bytes_per_answer: a bulk of the largest records could not be read",
    l.store_call_ms >= l.turn_deadline_ms && "store_call_ms >= turn_deadline_ms: one slow call would use up a turn",
    l.head_every_versions > l.head_every_versions_max && "head_every_versions > head_every_versions_max",
    l.head_every_versions_max > l.key_window_versions && "head_every_versions_max > key_window_versions",
    l.key_window_versions >= l.keys_per_context && "key_window_versions >= keys_per_context: a full context would take no turn again",
    (l.keys_per_context * HEAD_BYTES_PER_KEY + l.bytes_of_slots) * BASE64 > l.sidecar_bytes_per_body &&
      "keys_per_context and bytes_of_slots > sidecar_bytes_per_body: the largest head could not be written",
    Math.max(l.items_per_append, l.parts_per_item, l.slots_per_append, l.reports_per_call) >= l.json_members &&
      "items_per_append, parts_per_item, slots_per_append or reports_per_call >= json_members: one too many would not be told as such",
    l.list_default > l.contexts_per_list && "list_default > contexts_per_list",
    l.list_ms >= l.store_call_ms && "list_ms >= store_call_ms: whoever waits behind a list would give up",
    l.history_default > l.versions_per_history && "history_default > versions_per_history",
    l.bytes_per_body > l.host_bytes_held && "bytes_per_body > host_bytes_held: the largest body could not be held",
    l.headers_ms > l.request_ms && "headers_ms > request_ms",
    l.bytes_per_body > l.sidecar_bytes_per_body && "bytes_per_body > sidecar_bytes_per_body: the sidecar would refuse what the host takes",
    l.sidecar_bytes_per_body > l.sidecar_bytes_held && "sidecar_bytes_per_body > sidecar_bytes_held: the largest body could not be held",
    l.sidecar_bytes_of_kept > l.sidecar_bytes_of_messages && "sidecar_bytes_of_kept > sidecar_bytes_of_messages",
    l.import_bytes_per_line > l.import_bytes_at_once && "import_bytes_per_line > import_bytes_at_once",
    l.import_values_of_fields_and_item > l.json_values_per_body && "import_values_of_fields_and_item > json_values_per_body",
    l.import_contexts_at_once > l.import_contexts_at_once_max && "import_contexts_at_once > import_contexts_at_once_max",
    l.caller_attempts_at_first > l.caller_attempts && "caller_attempts_at_first > caller_attempts",
  ].filter((finding) => finding !== false);
  if (wrong.length > 0) throw new Error(`limits: ${wrong.join("; ")}`);
}
