// JSON texts that most programs would not write and that must come back all the same.

import fc from "fast-check";

const numbers = fc.oneof(
  fc.constantFrom("0", "-0", "1e999", "-1e-999", "12345678901234567890", "1.0", "1E+2", "0.1000", "1e0", "9007199254740993"),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
);
/** Strings, also with lone surrogates and NUL, with some characters escaped that need not be. */
const anyString = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ maxLength: 120 }),
  fc.constantFrom(
    "",
    "$",
    "$0",
    "$$0",
    "$none",
    "$role",
    "$0.id",
    "...",
    "\ud800",
    "a\udc00b",
    "\0",
    "null",
    '{"a":1}',
    ' {"name":"f","arguments":{"a":1.0}}',
    '[{"tool":"f", "args":"{}", "id":7},{"name":"\\u0066","input":{},"result":"$0"}]',
    'so <tool_call>{"name":"f","arguments":{"a":1}}</tool_call><tool_call>',
    '{"a": [1, 2 ]}',
    ' {"a":1}',
    '{"a":1} ',
    "data:image/png;base64,AAAA",
    "run",
    "user",
    "tool",
    `call_${"x".repeat(300)}`,
  ),
);
export const literal = anyString.chain((value) =>
  fc.constantFrom(JSON.stringify(value), JSON.stringify(value).replaceAll("/", "\\/").replaceAll("z", "\\u007a")),
);

const knownWords = [
  ..."role content type text name id parts value message from source kind data kwargs payload author".split(" "),
  ..."tool_calls function function_call arguments args input tool_call_id tool_use_id call_id output result tool_call toolInvocation functionResponse".split(
    " ",
  ),
  ..."action observation thought cause tool_call_metadata extras is_error status source media_type base64 image_url url json blocks event results".split(
    " ",
  ),
  ..."jsonrpc method params items contents sender $type outputs call origin operation action thought response summary encrypted_content".split(
    " ",
  ),
  ..."tool_name tool_input tool_output tool_response tool_result is_error user ai kind system_prompt run_id observation".split(" "),
  ..."$json $form $frame $root $0 $none ... __proto__ constructor toString hasOwnProperty labels subjects meta 0 17 -1".split(" "),
  "",
  "\ud800",
];
const key = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...knownWords).map((word) => JSON.stringify(word)) },
  { weight: 1, arbitrary: literal },
);
const words = fc
  .constantFrom(
    "user",
    "assistant",
    "tool",
    "system",
    "human",
    "ai",
    "model",
    "function",
    "tool_use",
    "tool_result",
    "function_call",
    "ROLE_USER",
    "web_search_call",
    "phone_call",
    "computer_call_output",
    "FunctionCallContent",
    "tools/call",
    "reasoning",
    "system-prompt",
    "SystemPromptEvent",
    "on_tool_start",
    "on_tool_end",
    "user-prompt",
    "tool-invocation",
    "message",
    "run",
    "constructor",
    "text",
    "image",
    "error",
  )
  .map((word) => JSON.stringify(word));
const space = fc.constantFrom("", "", "", " ", "\n\t");

/** The text of any JSON value, with the words that frameworks use in the places where they mean something, and keys that stand twice. */
export const { anyJson, anyObject } = fc.letrec<{ anyJson: string; anyArray: string; anyObject: string }>((tie) => ({
  anyJson: fc.oneof(
    { maxDepth: 5, depthSize: "small" },
    { weight: 2, arbitrary: literal },
    { weight: 2, arbitrary: words },
    { weight: 1, arbitrary: numbers },
    { weight: 1, arbitrary: fc.constantFrom("null", "true", "false") },
    { weight: 3, arbitrary: tie("anyObject") },
    { weight: 2, arbitrary: tie("anyArray") },
  ),
  anyArray: fc.tuple(fc.array(tie("anyJson"), { maxLength: 4 }), space).map(([items, gap]) => `[${gap}${items.join(`,${gap}`)}${gap}]`),
  anyObject: fc
    .tuple(fc.array(fc.tuple(key, tie("anyJson")), { maxLength: 6 }), space)
    .map(([members, gap]) => `{${gap}${members.map(([name, value]) => `${name}${gap}:${value}`).join(`,${gap}`)}${gap}}`),
}));
