# The host of contexts. NOT BUILT by this project's own checks, which have no Docker; test/tools/compose.test.ts reads it.
FROM node:24.11.1-bookworm-slim

WORKDIR /strata
COPY package.json package-lock.json .npmrc ./
# No package of ours needs its install script. The Node that comes as a package is for machines whose own is older.
RUN npm ci --ignore-scripts --omit=dev && rm -rf node_modules/node-linux-* node_modules/.bin/node && npm cache clean --force

COPY protocol protocol/
COPY core core/
COPY actors actors/
COPY dapr dapr/
COPY stores stores/
COPY services services/

ENV NODE_ENV=production STRATA_HOST=127.0.0.1 STRATA_PORT=3000
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.STRATA_PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# As in dapr.yaml.
CMD ["node", "--min-semi-space-size=16", "--max-semi-space-size=32", "services/host/main.ts"]
