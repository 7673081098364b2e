// Messages as agent frameworks write them, one or more of each shape, and what they must become. `parts` names the types of the parts in
// order; a plain string content is "text".

export type Sample = {
  readonly framework: string;
  readonly role: string;
  readonly parts: string;
  readonly message: unknown;
  /** What must stand in the parts: values found by path, `1.name` or `0.content`. */
  readonly holds?: Readonly<Record<string, unknown>>;
};

const PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

export const samples: readonly Sample[] = [
  // OpenAI chat completions
  { framework: "openai", role: "system", parts: "text", message: { role: "system", content: "Be brief." } },
  { framework: "openai developer", role: "system", parts: "text", message: { role: "developer", content: "Be brief." } },
  { framework: "openai named user", role: "user", parts: "text", message: { role: "user", name: "desk-4", content: "Where is it?" } },
  {
    framework: "openai calls",
    role: "assistant",
    parts: "tool_call,tool_call",
    message: {
      role: "assistant",
      content: null,
      refusal: null,
      tool_calls: [
        { id: "call_a", type: "function", function: { name: "find_order", arguments: '{"order": "A-17",  "deep": {"n": 1e999}}' } },
        { id: "call_b", type: "function", function: { name: "now", arguments: "{}" } },
      ],
    },
    holds: { "0.id": "call_a", "0.name": "find_order", "1.name": "now" },
  },
  {
    framework: "openai streamed call with an index",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      role: "assistant",
      content: "Looking.",
      tool_calls: [{ index: 0, id: "c1", type: "function", function: { name: "look", arguments: '{"at":[1,2]}' } }],
    },
  },
  {
    framework: "openai call with broken arguments",
    role: "assistant",
    parts: "tool_call",
    message: {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"at": [1,' } }],
    },
  },
  {
    framework: "openai call with a JSON string as arguments",
    role: "assistant",
    parts: "tool_call",
    message: {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '"here"' } }],
    },
  },
  {
    framework: "openai call with a newline after its arguments",
    role: "assistant",
    parts: "tool_call",
    message: {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: '{"a":1}\n' } }],
    },
  },
  {
    framework: "openai result",
    role: "tool",
    parts: "tool_result",
    message: { role: "tool", tool_call_id: "call_a", name: "find_order", content: '{"state": "sent"}' },
    holds: { "0.id": "call_a", "0.content": '{"state": "sent"}' },
  },
  {
    framework: "openai result in blocks",
    role: "tool",
    parts: "tool_result",
    message: { role: "tool", tool_call_id: "call_a", content: [{ type: "text", text: "sent" }] },
    holds: { "0.content.0.text": "sent" },
  },
  {
    framework: "openai function_call",
    role: "assistant",
    parts: "tool_call",
    message: { role: "assistant", content: null, function_call: { name: "find_order", arguments: '{"order":"A-17"}' } },
    holds: { "0.name": "find_order" },
  },
  {
    framework: "openai function result",
    role: "tool",
    parts: "tool_result",
    message: { role: "function", name: "find_order", content: "sent" },
    holds: { "0.content": "sent" },
  },
  {
    framework: "openai blocks",
    role: "user",
    parts: "text,blob,json,blob",
    message: {
      role: "user",
      content: [
        { type: "text", text: "What is on these?" },
        { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}`, detail: "low" } },
        { type: "image_url", image_url: { url: "https://example.com/a.png" } },
        { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
      ],
    },
    holds: { "1.mediaType": "image/png", "3.mediaType": "audio/wav" },
  },
  { framework: "openai empty content", role: "user", parts: "text", message: { role: "user", content: "" } },
  { framework: "openai no content", role: "assistant", parts: "", message: { role: "assistant", content: [] } },
  { framework: "openai without content", role: "assistant", parts: "", message: { role: "assistant" } },
  {
    framework: "openai refusal",
    role: "assistant",
    parts: "text",
    message: { role: "assistant", content: null, refusal: "I cannot do that." },
  },
  { framework: "openai one block", role: "user", parts: "text", message: { role: "user", content: [{ type: "text", text: "one" }] } },
  {
    framework: "deepseek reasoning",
    role: "assistant",
    parts: "text",
    message: { role: "assistant", reasoning_content: "First the order.", content: "It was sent." },
  },
  // Anthropic messages
  {
    framework: "anthropic assistant",
    role: "assistant",
    parts: "json,text,tool_call",
    message: {
      role: "assistant",
      content: [
        { type: "thinking", thinking: "The order first.", signature: "c2ln" },
        { type: "text", text: "I look it up." },
        { type: "tool_use", id: "toolu_1", name: "find_order", input: { order: "A-17" } },
      ],
    },
    holds: { "1.text": "I look it up.", "2.id": "toolu_1", "2.name": "find_order" },
  },
  {
    framework: "anthropic results",
    role: "user",
    parts: "tool_result,tool_result,text,blob",
    message: {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: "toolu_1", content: "sent", cache_control: { type: "ephemeral" } },
        {
          type: "tool_result",
          tool_use_id: "toolu_2",
          is_error: true,
          content: [
            { type: "text", text: "no such order" },
            { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
          ],
        },
        { type: "text", text: "And this picture?" },
        { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
      ],
    },
    holds: {
      "0.id": "toolu_1",
      "1.isError": true,
      "1.content.0.text": "no such order",
      "1.content.1.mediaType": "image/png",
      "3.base64": PNG,
    },
  },
  {
    framework: "anthropic string",
    role: "user",
    parts: "text",
    message: { role: "user", content: "hello" },
  },
  {
    framework: "claude code log",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      type: "assistant",
      uuid: "b0c4",
      parentUuid: null,
      timestamp: "2026-01-31T12:00:00Z",
      message: {
        role: "assistant",
        model: "m",
        content: [
          { type: "text", text: "Reading." },
          { type: "tool_use", id: "t1", name: "Read", input: { path: "a.ts" } },
        ],
        usage: { input_tokens: 3 },
      },
    },
  },
  // LangChain and LangGraph
  {
    framework: "langchain human",
    role: "user",
    parts: "text",
    message: { type: "human", content: "hi", additional_kwargs: {}, response_metadata: {}, id: null, example: false },
  },
  {
    framework: "langchain ai",
    role: "assistant",
    parts: "tool_call",
    message: {
      type: "ai",
      content: "",
      additional_kwargs: { tool_calls: [{ id: "c1", type: "function", function: { name: "search", arguments: '{"q":"x"}' } }] },
      tool_calls: [{ name: "search", args: { q: "x" }, id: "c1", type: "tool_call" }],
      invalid_tool_calls: [],
      usage_metadata: { input_tokens: 3 },
    },
    holds: { "0.name": "search", "0.id": "c1" },
  },
  {
    framework: "langchain ai with anthropic blocks",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      type: "ai",
      content: [
        { type: "text", text: "I search." },
        { type: "tool_use", id: "c1", name: "search", input: { q: "x" } },
      ],
      tool_calls: [{ name: "search", args: { q: "x" }, id: "c1", type: "tool_call" }],
    },
  },
  {
    framework: "langchain tool",
    role: "tool",
    parts: "tool_result",
    message: { type: "tool", content: "found", name: "search", id: "m7", tool_call_id: "c1", status: "error", artifact: null },
    holds: { "0.id": "c1", "0.isError": true },
  },
  {
    framework: "langchain dict",
    role: "user",
    parts: "text",
    message: { type: "human", data: { content: "hi", additional_kwargs: {}, type: "human", name: null } },
  },
  {
    framework: "langchain constructor",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      lc: 1,
      type: "constructor",
      id: ["langchain", "schema", "messages", "AIMessage"],
      kwargs: { content: "I search.", type: "ai", tool_calls: [{ name: "search", args: { q: "x" }, id: "c1", type: "tool_call" }] },
    },
  },
  {
    framework: "langchain constructor without a type",
    role: "user",
    parts: "text",
    message: {
      lc: 1,
      type: "constructor",
      id: ["langchain_core", "messages", "HumanMessage"],
      kwargs: { content: "hi", additional_kwargs: {} },
    },
  },
  // Gemini
  { framework: "gemini user", role: "user", parts: "text", message: { role: "user", parts: [{ text: "hi" }] } },
  {
    framework: "gemini model",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      role: "model",
      parts: [{ text: "I look." }, { functionCall: { name: "find_order", args: { order: "A-17" } }, thoughtSignature: "c2ln" }],
    },
    holds: { "1.name": "find_order" },
  },
  {
    framework: "gemini function",
    role: "tool",
    parts: "tool_result",
    message: { role: "function", parts: [{ functionResponse: { name: "find_order", response: { state: "sent" } } }] },
  },
  {
    framework: "gemini response of the user",
    role: "user",
    parts: "tool_result",
    message: { role: "user", parts: [{ functionResponse: { id: "f1", name: "find_order", response: { state: "sent" } } }] },
    holds: { "0.id": "f1" },
  },
  {
    framework: "gemini image",
    role: "user",
    parts: "blob,text",
    message: { role: "user", parts: [{ inlineData: { mimeType: "image/png", data: PNG } }, { text: "?" }] },
  },
  {
    framework: "gemini thought",
    role: "assistant",
    parts: "json,text",
    message: { role: "model", parts: [{ text: "hm", thought: true }, { text: "yes" }] },
  },
  // SWE-agent
  {
    framework: "swe-agent action",
    role: "assistant",
    parts: "text",
    message: {
      role: "assistant",
      content: "List the files first, to see what there is.\n```\nls -F\n```",
      thought: "List the files first, to see what there is.\n",
      action: "ls -F\n",
      agent: "main",
      message_type: "action",
    },
  },
  {
    framework: "swe-agent call",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      role: "assistant",
      content: "I open it.",
      thought: "I open it.",
      action: "open a.py",
      agent: "main",
      tool_calls: [{ function: { arguments: '{"path":"a.py"}', name: "open" }, id: "c1", type: "function" }],
      message_type: "action",
    },
  },
  {
    framework: "swe-agent observation",
    role: "tool",
    parts: "tool_result",
    message: { role: "tool", content: "1: import b", agent: "main", tool_call_ids: ["c1"], message_type: "observation" },
    holds: { "0.id": "c1" },
  },
  // OpenHands
  {
    framework: "openhands message",
    role: "user",
    parts: "text",
    message: {
      id: 1,
      timestamp: "2026-01-31T12:00:00",
      source: "user",
      message: "Fix it",
      action: "message",
      args: { content: "Fix it", image_urls: null, wait_for_response: false },
    },
  },
  {
    framework: "openhands system",
    role: "system",
    parts: "text",
    message: {
      id: 0,
      timestamp: "2026-01-31T12:00:00",
      source: "agent",
      message: "You code.",
      action: "system",
      args: { content: "You code.", tools: [{ type: "function", function: { name: "bash", parameters: {} } }] },
    },
  },
  {
    framework: "openhands run",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      id: 5,
      source: "agent",
      message: "Running command: ls",
      action: "run",
      tool_call_metadata: { function_name: "bash", tool_call_id: "t5" },
      args: { command: "ls", thought: "See what is there.", blocking: false },
    },
    holds: { "0.text": "See what is there.", "1.id": "t5", "1.name": "run", "1.arguments.text": '{"command":"ls","blocking":false}' },
  },
  {
    framework: "openhands run without a thought",
    role: "assistant",
    parts: "tool_call",
    message: { id: 7, source: "agent", action: "run", args: { command: "ls", thought: "" } },
    holds: { "0.id": "7" },
  },
  {
    framework: "openhands observation",
    role: "tool",
    parts: "tool_result",
    message: {
      id: 6,
      source: "environment",
      message: "Command `ls` executed",
      cause: 7,
      observation: "run",
      content: "a.ts",
      extras: { metadata: { exit_code: 0 } },
    },
    holds: { "0.id": "7", "0.content": "a.ts" },
  },
  {
    framework: "openhands error",
    role: "tool",
    parts: "tool_result",
    message: { id: 9, source: "agent", message: "bad", observation: "error", content: "bad", extras: { error_id: "" } },
    holds: { "0.isError": true },
  },
  {
    framework: "openhands old run",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      command: "ls -R",
      thought: "I look around.",
      keep_prompt: true,
      action: "run",
      is_confirmed: "confirmed",
      action_risk: null,
    },
    holds: { "1.name": "run", "1.arguments.text": '{"command":"ls -R","keep_prompt":true}' },
  },
  {
    framework: "openhands old observation",
    role: "tool",
    parts: "tool_result",
    message: { content: "a.ts", command_id: -1, command: "ls -R", exit_code: 0, observation: "run" },
  },
  {
    framework: "openhands old message",
    role: "user",
    parts: "text",
    message: { content: "Fix it", images_urls: null, wait_for_response: false, action: "message", action_risk: null },
  },
  // AutoGen
  { framework: "autogen", role: "user", parts: "text", message: { content: "hi", role: "user", name: "user_proxy" } },
  {
    framework: "autogen 0.4 text",
    role: "user",
    parts: "text",
    message: { source: "user", models_usage: null, content: "hi", type: "TextMessage" },
  },
  {
    framework: "autogen 0.4 calls",
    role: "assistant",
    parts: "tool_call",
    message: { source: "planner", content: [{ id: "c1", arguments: '{"q":"x"}', name: "search" }], type: "ToolCallRequestEvent" },
    holds: { "0.name": "search" },
  },
  {
    framework: "autogen 0.4 results",
    role: "tool",
    parts: "tool_result",
    message: {
      source: "planner",
      content: [{ content: "found", name: "search", call_id: "c1", is_error: false }],
      type: "ToolCallExecutionEvent",
    },
    holds: { "0.id": "c1" },
  },
  // Vercel AI SDK
  {
    framework: "vercel ui 4",
    role: "assistant",
    parts: "json,tool_call,tool_result,text",
    message: {
      id: "m2",
      role: "assistant",
      content: "It was sent.",
      parts: [
        { type: "step-start" },
        {
          type: "tool-invocation",
          toolInvocation: {
            state: "result",
            step: 0,
            toolCallId: "c1",
            toolName: "find_order",
            args: { order: "A-17" },
            result: { state: "sent" },
          },
        },
        { type: "text", text: "It was sent." },
      ],
      toolInvocations: [{ state: "result", toolCallId: "c1", toolName: "find_order", args: { order: "A-17" }, result: { state: "sent" } }],
    },
    holds: { "1.name": "find_order", "2.id": "c1" },
  },
  {
    framework: "vercel ui 5",
    role: "assistant",
    parts: "tool_call,tool_result,text",
    message: {
      id: "m2",
      role: "assistant",
      parts: [
        { type: "tool-find_order", toolCallId: "c1", state: "output-available", input: { order: "A-17" }, output: { state: "sent" } },
        { type: "text", text: "It was sent.", state: "done" },
      ],
    },
    holds: { "0.name": "find_order", "1.id": "c1" },
  },
  {
    framework: "vercel core call",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      role: "assistant",
      content: [
        { type: "text", text: "I look." },
        { type: "tool-call", toolCallId: "c1", toolName: "find_order", args: { order: "A-17" } },
      ],
    },
  },
  {
    framework: "vercel core result",
    role: "tool",
    parts: "tool_result",
    message: { role: "tool", content: [{ type: "tool-result", toolCallId: "c1", toolName: "find_order", result: { state: "sent" } }] },
    holds: { "0.id": "c1" },
  },
  {
    framework: "vercel model result",
    role: "tool",
    parts: "tool_result",
    message: {
      role: "tool",
      content: [{ type: "tool-result", toolCallId: "c1", toolName: "find_order", output: { type: "text", value: "sent" } }],
    },
    holds: { "0.id": "c1" },
  },
  // OpenAI Responses
  {
    framework: "responses message",
    role: "assistant",
    parts: "text",
    message: {
      type: "message",
      id: "msg_1",
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text: "It was sent.", annotations: [] }],
    },
  },
  {
    framework: "responses input",
    role: "user",
    parts: "text,blob",
    message: {
      role: "user",
      content: [
        { type: "input_text", text: "?" },
        { type: "input_image", image_url: `data:image/png;base64,${PNG}` },
      ],
    },
  },
  {
    framework: "responses call",
    role: "assistant",
    parts: "tool_call",
    message: {
      type: "function_call",
      id: "fc_1",
      call_id: "call_1",
      name: "find_order",
      arguments: '{"order":"A-17"}',
      status: "completed",
    },
    holds: { "0.id": "call_1", "0.name": "find_order" },
  },
  {
    framework: "responses result",
    role: "tool",
    parts: "tool_result",
    message: { type: "function_call_output", call_id: "call_1", output: '{"state":"sent"}' },
    holds: { "0.id": "call_1", "0.content": '{"state":"sent"}' },
  },
  {
    framework: "responses reasoning",
    role: "assistant",
    parts: "json",
    message: { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "hm" }], encrypted_content: "gAAA" },
  },
  // Others that nobody listed
  { framework: "sharegpt", role: "user", parts: "text", message: { from: "human", value: "hi" } },
  { framework: "sharegpt answer", role: "assistant", parts: "text", message: { from: "gpt", value: "hello", weight: 1.0 } },
  { framework: "sharegpt observation", role: "tool", parts: "tool_result", message: { from: "observation", value: '{"state":"sent"}' } },
  {
    framework: "bedrock converse",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      role: "assistant",
      content: [{ text: "I look." }, { toolUse: { toolUseId: "t1", name: "find_order", input: { order: "A-17" } } }],
    },
    holds: { "1.id": "t1" },
  },
  {
    framework: "bedrock result",
    role: "user",
    parts: "tool_result",
    message: {
      role: "user",
      content: [{ toolResult: { toolUseId: "t1", status: "success", content: [{ json: { state: "sent" } }, { text: "ok" }] } }],
    },
    holds: { "0.id": "t1", "0.content.1.text": "ok" },
  },
  { framework: "cohere", role: "user", parts: "text", message: { role: "USER", message: "hi" } },
  {
    framework: "cohere chatbot",
    role: "assistant",
    parts: "text,tool_call",
    message: { role: "CHATBOT", message: "I look.", tool_calls: [{ name: "find_order", parameters: { order: "A-17" } }] },
  },
  {
    framework: "ollama call",
    role: "assistant",
    parts: "tool_call",
    message: { role: "assistant", content: "", tool_calls: [{ function: { name: "find_order", arguments: { order: "A-17" } } }] },
  },
  {
    framework: "ollama result",
    role: "tool",
    parts: "tool_result",
    message: { role: "tool", content: "sent", tool_name: "find_order" },
    holds: { "0.id": "find_order" },
  },
  {
    framework: "pydantic request",
    role: "system",
    parts: "text,text",
    message: {
      kind: "request",
      parts: [
        { part_kind: "system-prompt", content: "Be brief." },
        { part_kind: "user-prompt", content: "hi", timestamp: "2026-01-31T12:00:00Z" },
      ],
      instructions: null,
    },
  },
  {
    framework: "pydantic response",
    role: "assistant",
    parts: "text,tool_call",
    message: {
      kind: "response",
      model_name: "m",
      parts: [
        { part_kind: "text", content: "I look." },
        { part_kind: "tool-call", tool_name: "find_order", args: '{"order":"A-17"}', tool_call_id: "c1" },
      ],
    },
  },
  {
    framework: "pydantic return",
    role: "tool",
    parts: "tool_result",
    message: {
      kind: "request",
      parts: [{ part_kind: "tool-return", tool_name: "find_order", content: { state: "sent" }, tool_call_id: "c1" }],
    },
    holds: { "0.id": "c1" },
  },
  {
    framework: "letta call",
    role: "assistant",
    parts: "tool_call",
    message: {
      message_type: "tool_call_message",
      id: "m1",
      tool_call: { name: "find_order", arguments: '{"order":"A-17"}', tool_call_id: "c1" },
    },
    holds: { "0.id": "c1" },
  },
  {
    framework: "letta return",
    role: "tool",
    parts: "tool_result",
    message: { message_type: "tool_return_message", id: "m2", tool_return: "sent", status: "success", tool_call_id: "c1" },
    holds: { "0.id": "c1", "0.content": "sent" },
  },
  { framework: "letta user", role: "user", parts: "text", message: { message_type: "user_message", id: "m0", content: "hi" } },
  {
    framework: "llamaindex",
    role: "user",
    parts: "text",
    message: { role: "user", additional_kwargs: {}, blocks: [{ block_type: "text", text: "hi" }] },
  },
  {
    framework: "react step",
    role: "assistant",
    parts: "text,tool_call,tool_result",
    message: { thought: "I need the order.", action: "find_order", action_input: { order: "A-17" }, observation: "sent" },
    holds: { "1.name": "find_order", "2.content": "sent" },
  },
  {
    framework: "react step with an action object",
    role: "assistant",
    parts: "text,tool_call,tool_result",
    message: { step: 3, thought: "I need the order.", action: { tool: "find_order", args: { order: "A-17" } }, observation: "sent" },
  },
  {
    framework: "atif step",
    role: "assistant",
    parts: "text,tool_call,tool_result",
    message: {
      step_id: 2,
      source: "agent",
      message: "I look.",
      tool_calls: [{ tool_call_id: "c1", function_name: "find_order", arguments: { order: "A-17" } }],
      observation: { results: [{ source_call_id: "c1", content: "sent" }] },
      metrics: { prompt_tokens: 20 },
    },
    holds: { "1.id": "c1", "2.id": "c1" },
  },
  {
    framework: "event log with a payload",
    role: "assistant",
    parts: "tool_call",
    message: { type: "tool.call", ts: 17, payload: { tool: "find_order", args: { order: "A-17" } } },
    holds: { "0.name": "find_order" },
  },
  { framework: "event log with text", role: "user", parts: "text", message: { kind: "user", ts: 17, body: { text: "hi" } } },
  {
    framework: "toolbench observation",
    role: "tool",
    parts: "text,tool_result",
    message: { role: "tool", type: "Action Input", content: '{"q": "x"}', observation: '{"error": ""}' },
  },
  {
    framework: "toolbench thought",
    role: "assistant",
    parts: "text",
    message: { role: "assistant", type: "Thought", content: "hm", observation: "" },
  },
  { framework: "unknown role", role: "note", parts: "text", message: { role: "narrator", content: "Night falls." } },
  {
    framework: "unknown shape with text",
    role: "note",
    parts: "text",
    message: { at: 4, description: "The door opens.", door: { id: 7 } },
  },
  { framework: "unknown shape", role: "note", parts: "json", message: { foo: 1, bar: { baz: [true, null] } } },
  { framework: "a string", role: "note", parts: "text", message: "just text" },
  { framework: "a number", role: "note", parts: "json", message: 17 },
  { framework: "null", role: "note", parts: "", message: null },
  { framework: "an empty object", role: "note", parts: "json", message: {} },
  {
    framework: "an answer with an empty observation",
    role: "tool",
    parts: "tool_result",
    message: { role: "tool", tool_call_id: "c1", content: "sent", observation: "" },
    holds: { "0.content": "sent" },
  },
  {
    framework: "an answer with search results beside it",
    role: "assistant",
    parts: "text",
    message: { role: "assistant", content: "See these.", results: [{ title: "a", text: "b" }] },
  },
  { framework: "an id that is a role's name", role: "note", parts: "text", message: { id: "user", text: "hi" } },
];
