/**
 * The metadata that each component type knows, from the metadata.yaml files of components-contrib 1.18.3; a test compares them where that module
 * is at hand. daprd ignores a name that a component does not know, so a slip of the pen would pass unseen.
 */
const redis = [
  ...["clientCert", "clientKey", "dialTimeout", "enableTLS", "failover", "idleCheckFrequency", "idleTimeout", "insecureSkipTLSVerify"],
  ...["maxConnAge", "minIdleConns", "poolSize", "poolTimeout", "processingTimeout", "readTimeout", "redeliverInterval", "redisDB"],
  ...["redisHost", "redisMaxRetries", "redisMaxRetryInterval", "redisMinRetryInterval", "redisPassword", "redisPort", "redisType"],
  ...["redisUsername", "sentinelMasterName", "sentinelPassword", "sentinelUsername", "writeTimeout"],
] as const;

export const metadataNames: Readonly<Record<string, readonly string[]>> = {
  "state.sqlite/v1": ["busyTimeout", "cleanupInterval", "connectionString", "disableWAL", "metadataTableName", "tableName", "timeout"],
  "state.redis/v1": [...redis, "queryIndexes", "ttlInSeconds"],
  "state.postgresql/v2": [
    ...["cleanupInterval", "connectionMaxIdleTime", "connectionString", "database", "host", "hostaddr", "maxConns", "metadataTableName"],
    ...["password", "port", "queryExecMode", "sslRootCert", "tablePrefix", "timeout", "user"],
  ],
  "pubsub.redis/v1": [...redis, "concurrency", "consumerID", "maxLenApprox", "queueDepth", "streamTTL"],
  "secretstores.local.env/v1": ["prefix"],
  "secretstores.local.file/v1": ["multiValued", "nestedSeparator", "secretsFile"],
};

/** What the runtime itself reads from any component of a kind. */
export const runtimeNames: Readonly<Record<string, readonly string[]>> = {
  state: ["actorStateStore", "keyPrefix"],
  pubsub: ["allowedTopics", "protectedTopics", "publishingScopes", "subscriptionScopes"],
  secretstores: [],
};
