// Command daprd is the Dapr sidecar with the components that Strata uses (components.go) and no others.
//
// It follows cmd/daprd/app/app.go of Dapr (Copyright The Dapr Authors, Apache License 2.0). That package cannot be
// used as it is: it imports every component, and panics unless a build tag chooses a set of them.
package main

import (
	"context"
	"fmt"
	"os"

	"go.opencensus.io/stats/view"
	"go.uber.org/automaxprocs/maxprocs"

	"github.com/dapr/dapr/cmd/daprd/options"
	"github.com/dapr/dapr/pkg/buildinfo"
	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/dapr/pkg/metrics"
	"github.com/dapr/dapr/pkg/modes"
	"github.com/dapr/dapr/pkg/runtime"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/dapr/pkg/security"
	"github.com/dapr/kit/concurrency"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/signals"
)

// The names under which Dapr's own build logs, so that what reads those logs reads these too.
var (
	log           = logger.NewLogger("dapr.runtime")
	logComponents = logger.NewLogger("dapr.contrib")
)

func main() {
	// Within a container the cores are those of its quota, not of the machine. A failure leaves Go's default.
	_, _ = maxprocs.Set()

	opts, err := options.New(os.Args[1:])
	if err != nil {
		log.Fatalf("Failed to parse flags: %v", err)
	}

	switch {
	case opts.RuntimeVersion:
		fmt.Println(buildinfo.Version())
		return
	case opts.BuildInfo:
		fmt.Printf("Version: %s\nGit Commit: %s\nGit Version: %s\n", buildinfo.Version(), buildinfo.Commit(), buildinfo.GitVersion())
		return
	case opts.WaitCommand:
		runtime.WaitUntilDaprOutboundReady(opts.DaprHTTPPort)
		return
	}

	opts.Logger.SetAppID(opts.AppID)
	if err := logger.ApplyOptionsToLoggers(&opts.Logger); err != nil {
		log.Fatal(err)
	}
	log.Infof("Starting Dapr Runtime -- version %s -- commit %s", buildinfo.Version(), buildinfo.Commit())
	log.Infof("Log level set to: %s", opts.Logger.OutputLevel)

	registerComponents(logComponents)

	ctx := signals.Context()
	defer log.Info("Daprd shutdown gracefully")

	// One turn of the loop is one life of the runtime: SIGHUP ends it and starts the next, which reads the
	// configuration anew; SIGTERM and SIGINT end the process.
	hangups := signals.OnHUP(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case life, ok := <-hangups:
			if !ok {
				return
			}
			if err := run(life, opts); err != nil {
				log.Fatalf("Fatal error from runtime: %s", err)
			}
			// The runtime ended by itself, by the shutdown API for one: there is no signal to wait for.
			if life.Err() == nil {
				return
			}
		}
	}
}

// run is one life of the runtime, beside the provider of the identity it speaks with.
func run(ctx context.Context, opts *options.Options) error {
	healthz := healthz.New()
	provider, err := security.New(ctx, security.Options{
		SentryAddress:           opts.SentryAddress,
		ControlPlaneTrustDomain: opts.ControlPlaneTrustDomain,
		ControlPlaneNamespace:   opts.ControlPlaneNamespace,
		TrustAnchors:            opts.TrustAnchors,
		AppID:                   opts.AppID,
		MTLSEnabled:             opts.EnableMTLS,
		Mode:                    modes.DaprMode(opts.Mode),
		Healthz:                 healthz,
		JwtAudiences:            opts.SentryRequestJwtAudiences,
	})
	if err != nil {
		return err
	}

	return concurrency.NewRunnerManager(
		provider.Run,
		func(ctx context.Context) error {
			handler, err := provider.Handler(ctx)
			if err != nil {
				return err
			}
			daprd, err := runtime.FromConfig(ctx, config(opts, handler, healthz))
			if err != nil {
				return err
			}
			return daprd.Run(ctx)
		},
	).Run(ctx)
}

// config carries over every option, so that a flag does here what it does in Dapr's own build.
func config(opts *options.Options, handler security.Handler, healthz healthz.Healthz) *runtime.Config {
	return &runtime.Config{
		AppID:                         opts.AppID,
		ActorsService:                 opts.ActorsService,
		ActorsDisseminationTimeout:    opts.ActorsDisseminationTimeout,
		HotReloadReconcileInterval:    opts.HotReloadReconcileInterval,
		RemindersService:              opts.RemindersService,
		SchedulerAddress:              opts.SchedulerAddress,
		SchedulerStreams:              opts.SchedulerJobStreams,
		AllowedOrigins:                opts.AllowedOrigins,
		ResourcesPath:                 opts.ResourcesPath,
		ComponentsPath:                opts.ComponentsPath,
		ControlPlaneAddress:           opts.ControlPlaneAddress,
		SentryAddress:                 opts.SentryAddress,
		EnableMTLS:                    opts.EnableMTLS,
		Mode:                          opts.Mode,
		Config:                        opts.Config,
		DaprHTTPPort:                  opts.DaprHTTPPort,
		DaprAPIGRPCPort:               opts.DaprAPIGRPCPort,
		DaprAPIListenAddresses:        opts.DaprAPIListenAddresses,
		DaprInternalGRPCPort:          opts.DaprInternalGRPCPort,
		DaprInternalGRPCListenAddress: opts.DaprInternalGRPCListenAddress,
		DaprPublicPort:                opts.DaprPublicPort,
		DaprPublicListenAddress:       opts.DaprPublicListenAddress,
		UnixDomainSocket:              opts.UnixDomainSocket,
		ProfilePort:                   opts.ProfilePort,
		EnableProfiling:               opts.EnableProfiling,
		EnableAPILogging:              opts.EnableAPILogging,
		ApplicationPort:               opts.AppPort,
		AppProtocol:                   opts.AppProtocol,
		AppSSL:                        opts.AppSSL,
		AppChannelAddress:             opts.AppChannelAddress,
		AppMaxConcurrency:             opts.AppMaxConcurrency,
		MaxRequestSize:                opts.MaxRequestSize,
		ReadBufferSize:                opts.ReadBufferSize,
		EnableAppHealthCheck:          opts.EnableAppHealthCheck,
		AppHealthCheckPath:            opts.AppHealthCheckPath,
		AppHealthProbeInterval:        opts.AppHealthProbeInterval,
		AppHealthProbeTimeout:         opts.AppHealthProbeTimeout,
		AppHealthThreshold:            opts.AppHealthThreshold,
		DaprGracefulShutdownSeconds:   opts.DaprGracefulShutdownSeconds,
		DaprBlockShutdownDuration:     opts.DaprBlockShutdownDuration,
		DisableBuiltinK8sSecretStore:  opts.DisableBuiltinK8sSecretStore,
		DisableInitEndpoints:          opts.DisableInitEndpoints,
		Metrics: metrics.Options{
			Enabled:       opts.Metrics.Enabled(),
			Log:           log,
			Port:          opts.Metrics.Port(),
			Namespace:     metrics.DefaultMetricNamespace,
			Healthz:       healthz,
			ListenAddress: opts.Metrics.ListenAddress(),
			// Nobody stops it, as in Dapr's own build: a stopped meter panics at the next measurement. So after SIGHUP
			// two of them give every metric twice, and the metrics endpoint answers 500.
			Meter: view.NewMeter(),
		},
		Registry: registry.NewOptions(),
		Security: handler,
		Healthz:  healthz,
	}
}
