// Command node is kube-controller-manager, kube-scheduler, kubelet, kube-proxy
// and the volume-provisioner in one binary. It does the work of the name it is
// called by (build makes the symbolic links). Called by up; never part of the
// product.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	_ "time/tzdata" // CronJobs with a time zone, on hosts without zoneinfo

	"github.com/dunlin-mqtt/dunlin/hack/cluster/volumes"
	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

func main() {
	var command *cobra.Command
	switch name := filepath.Base(os.Args[0]); name {
	case "kube-controller-manager":
		command = manager.NewControllerManagerCommand()
	case "kube-scheduler":
		command = scheduler.NewSchedulerCommand()
	case "kubelet":
		command = kubelet.NewKubeletCommand(context.Background())
	case "kube-proxy":
		command = proxy.NewProxyCommand()
	case "volume-provisioner":
		command = volumes.NewCommand()
	default:
		fmt.Fprintf(os.Stderr, "node: called as %q, want a Kubernetes daemon's name\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command))
}
