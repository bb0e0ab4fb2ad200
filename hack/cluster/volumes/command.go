package volumes

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// NewCommand is the daemon `volume-provisioner`. It runs until it is killed.
func NewCommand() *cobra.Command {
	var kubeconfig string
	p := &provisioner{}
	command := &cobra.Command{
		Use:          "volume-provisioner",
		Short:        "Make a folder for each PersistentVolumeClaim",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(command *cobra.Command, _ []string) error {
			return run(command.Context(), kubeconfig, p)
		},
	}
	flags := command.Flags()
	flags.StringVar(&kubeconfig, "kubeconfig", "", "file that says how to reach the API server")
	flags.StringVar(&p.root, "root", "", "folder that holds one folder a volume")
	flags.StringVar(&p.node, "node", "", "name of the node this runs on")
	for _, name := range []string{"kubeconfig", "root", "node"} {
		if err := command.MarkFlagRequired(name); err != nil {
			panic(err) // only a flag that is not defined above
		}
	}
	return command
}

func run(ctx context.Context, kubeconfig string, p *provisioner) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("read kubeconfig %s: %w", kubeconfig, err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	controller.NewProvisionController(ctx, client, DriverName, p,
		controller.LeaderElection(false)).Run(ctx)
	return nil
}
