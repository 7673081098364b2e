package main

import (
	resolvermdns "github.com/dapr/components-contrib/nameresolution/mdns"
	resolversqlite "github.com/dapr/components-contrib/nameresolution/sqlite"
	busmemory "github.com/dapr/components-contrib/pubsub/in-memory"
	busredis "github.com/dapr/components-contrib/pubsub/redis"
	secretsenv "github.com/dapr/components-contrib/secretstores/local/env"
	secretsfile "github.com/dapr/components-contrib/secretstores/local/file"
	statememory "github.com/dapr/components-contrib/state/in-memory"
	statepostgresql "github.com/dapr/components-contrib/state/postgresql/v2"
	stateredis "github.com/dapr/components-contrib/state/redis"
	statesqlite "github.com/dapr/components-contrib/state/sqlite"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/kit/logger"
)

// registerComponents names every component that this daprd can load, as `type: <kind>.<name>` in a component file.
// Strata uses these ten. Dapr's full set would pull in hundreds of modules more.
func registerComponents(log logger.Logger) {
	// The registries must have their logger before the runtime makes a component from them.
	state.DefaultRegistry.Logger = log
	state.DefaultRegistry.RegisterComponent(statememory.NewInMemoryStateStore, "in-memory")
	state.DefaultRegistry.RegisterComponent(statesqlite.NewSQLiteStateStore, "sqlite", "sqlite3")
	state.DefaultRegistry.RegisterComponent(stateredis.NewRedisStateStore, "redis")
	// Only with `version: v2`. A file that names v1, or no version, means other tables to Dapr's own builds,
	// so it must fail here rather than get the tables of v2.
	state.DefaultRegistry.RegisterComponent(statepostgresql.NewPostgreSQLStateStore, "postgresql/v2", "postgres/v2")

	pubsub.DefaultRegistry.Logger = log
	pubsub.DefaultRegistry.RegisterComponent(busmemory.New, "in-memory")
	pubsub.DefaultRegistry.RegisterComponent(busredis.NewRedisStreams, "redis")

	secretstores.DefaultRegistry.Logger = log
	secretstores.DefaultRegistry.RegisterComponent(secretsenv.NewEnvSecretStore, "local.env")
	secretstores.DefaultRegistry.RegisterComponent(secretsfile.NewLocalSecretStore, "local.file")

	nameresolution.DefaultRegistry.Logger = log
	nameresolution.DefaultRegistry.RegisterComponent(resolvermdns.NewResolver, "mdns")
	nameresolution.DefaultRegistry.RegisterComponent(resolversqlite.NewResolver, "sqlite")
}
