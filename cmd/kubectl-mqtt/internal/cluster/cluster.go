package cluster

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// Options say which cluster, and which namespace in it, as kubectl's flags do. Empty: what kubectl would take.
type Options struct {
	Kubeconfig, Context, Namespace string
}

// Cluster is a namespace of a cluster.
type Cluster struct {
	Namespace string
	config    *rest.Config
	core      *rest.RESTClient // Secrets, pods, events
	ours      *rest.RESTClient // Brokers, Users, ACLs
}

// Open finds the cluster. It is not asked anything yet.
func Open(o Options) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	config, err := loader.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster: %w", err)
	}
	if o.Namespace == "" {
		if o.Namespace, _, err = loader.Namespace(); err != nil {
			return nil, fmt.Errorf("find the namespace: %w", err)
		}
	}
	return ofConfig(config, o.Namespace)
}

// Contexts are the names of those in the kubeconfig.
func Contexts(o Options) []string {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	all, err := rules.Load()
	if err != nil {
		return nil
	}
	return slices.Sorted(maps.Keys(all.Contexts))
}

func ofConfig(config *rest.Config, namespace string) (*Cluster, error) {
	core, err := client(config, "/api", corev1.SchemeGroupVersion, corev1.AddToScheme)
	if err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	ours, err := client(config, "/apis", v1alpha1.GroupVersion, v1alpha1.AddToScheme)
	if err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	return &Cluster{Namespace: namespace, config: config, core: core, ours: ours}, nil
}

// client speaks of one group; a whole clientset would be many times as large.
func client(config *rest.Config, root string, version schema.GroupVersion, add func(*runtime.Scheme) error) (*rest.RESTClient, error) {
	scheme := runtime.NewScheme()
	if err := add(scheme); err != nil {
		return nil, err
	}
	metav1.AddToGroupVersion(scheme, version)
	c := rest.CopyConfig(config)
	c.APIPath, c.GroupVersion = root, &version
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.RESTClientFor(c)
}

// Target is the admin API of the Broker of that name, which is not looked for yet.
func (c *Cluster) Target(broker string) adminapi.Target {
	b := &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Namespace: c.Namespace, Name: broker}}
	r := &reach{Cluster: c, broker: b}
	return adminapi.Target{
		Name:    fmt.Sprintf("Broker %s/%s", c.Namespace, broker),
		Logs:    fmt.Sprintf("kubectl -n %s logs statefulset/%s", c.Namespace, children.StatefulSetName(b)),
		Connect: r.connect,
	}
}
