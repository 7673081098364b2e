// Blocks of commands that no test runs, by page and first line, each with the reason. Everything else in the documents runs.

export const notRun: Readonly<Record<string, string>> = {
  "README.md: npm ci && npm start":
    "npm ci would replace the packages that run this test; .ci/run does it, and test/start starts npm start",
  "docs/operations.md: kubectl port-forward pod/SOME-CALLER 3500:3500 &":
    "there is no Kubernetes here; test/grant runs the same behind a token",
  "docs/telemetry.md: OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npm start":
    "both serve until they are ended; test/telemetry starts them with such an endpoint",
  "bench/README.md: npm run bench -- --quick --store redis": "measures for minutes to an hour",
  "test/faults/README.md: npm run faults": "takes most of an hour; npm test runs a tenth of it (test/faults)",
  "test/sim/README.md: npm run sim": "the seeds are a test of their own (test/sim), the mutants take minutes",
  "tools/dapr/README.md: tools/dapr/build.sh": "builds for minutes; .ci/run does it where no Dapr is found",
};
