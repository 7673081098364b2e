// Command placement is Dapr's own placement service, unchanged but for --version, which Dapr gives to daprd alone.
package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/dapr/dapr/cmd/placement/app"
	"github.com/dapr/dapr/pkg/buildinfo"
)

func main() {
	if slices.Contains(os.Args[1:], "--version") {
		fmt.Println(buildinfo.Version())
		return
	}
	app.Run()
}
