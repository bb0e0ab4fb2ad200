// Command control is etcd, kube-apiserver and kubectl in one binary. It does
// the work of the name it is called by (build makes the symbolic links), so the
// three share one link step. It is all that envtest needs, and needs no cgo.
// Called by build, up and every KUBEBUILDER_ASSETS; never part of the product.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

func main() {
	var command *cobra.Command
	switch name := filepath.Base(os.Args[0]); name {
	case "etcd":
		etcdmain.Main(os.Args)
		return
	case "kube-apiserver":
		command = apiserver.NewAPIServerCommand()
	case "kubectl":
		command = kubectl.NewDefaultKubectlCommand()
	default:
		fmt.Fprintf(os.Stderr, "control: called as %q, want etcd, kube-apiserver or kubectl\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command))
}
