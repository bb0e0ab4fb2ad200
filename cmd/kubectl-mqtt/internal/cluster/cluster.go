package cluster

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
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

// reach is one Broker.
type reach struct {
	config *rest.Config
	core   *rest.RESTClient
	broker *v1alpha1.Broker // its name and namespace
}

// Target is the Broker of that name. The cluster is not asked yet.
func Target(o Options, broker string) (adminapi.Target, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: o.Context})
	config, err := loader.ClientConfig()
	if err != nil {
		return adminapi.Target{}, fmt.Errorf("find the cluster: %w", err)
	}
	if o.Namespace == "" {
		if o.Namespace, _, err = loader.Namespace(); err != nil {
			return adminapi.Target{}, fmt.Errorf("find the namespace: %w", err)
		}
	}
	return target(config, o.Namespace, broker)
}

func target(config *rest.Config, namespace, broker string) (adminapi.Target, error) {
	core, err := coreClient(config)
	if err != nil {
		return adminapi.Target{}, fmt.Errorf("reach the cluster: %w", err)
	}
	r := &reach{config: config, core: core, broker: &v1alpha1.Broker{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: broker},
	}}
	return adminapi.Target{
		Name:    fmt.Sprintf("Broker %s/%s", namespace, broker),
		Logs:    fmt.Sprintf("kubectl -n %s logs statefulset/%s", namespace, children.StatefulSetName(r.broker)),
		Connect: r.connect,
	}, nil
}

// coreClient reads Secrets and pods; a whole clientset would be many times as large.
func coreClient(config *rest.Config) (*rest.RESTClient, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	c := rest.CopyConfig(config)
	c.APIPath, c.GroupVersion = "/api", &corev1.SchemeGroupVersion
	c.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	return rest.RESTClientFor(c)
}

// connect reaches the Broker's pod.
func (r *reach) connect(ctx context.Context) (*adminapi.Client, error) {
	var secret corev1.Secret
	name := children.OperatorTLSName(r.broker)
	err := r.core.Get().Namespace(r.broker.Namespace).Resource("secrets").Name(name).Do(ctx).Into(&secret)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no Broker %s in namespace %s, or the operator has not seen it yet: Secret %s is not there",
			r.broker.Name, r.broker.Namespace, name)
	}
	if err != nil {
		return nil, fmt.Errorf("read Secret %s/%s: %w", r.broker.Namespace, name, err)
	}
	secured, err := adminapi.ClientTLS(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey], secret.Data[children.KeyCA])
	if err != nil {
		return nil, fmt.Errorf("use Secret %s/%s: %w", r.broker.Namespace, name, err)
	}
	pod, err := r.pod(ctx)
	if err != nil {
		return nil, err
	}
	said := &troubles{}
	address, closed, err := r.forward(ctx, pod, said)
	if err != nil {
		return nil, fmt.Errorf("forward a port to pod %s/%s: %w", r.broker.Namespace, pod, err)
	}
	return adminapi.NewClient(address, secured, closed, said.Last), nil
}

// pod is the name of the Broker's pod that runs. It need not be ready: one whose disk is full has a backup to give.
func (r *reach) pod(ctx context.Context) (string, error) {
	var pods corev1.PodList
	selector := labels.SelectorFromSet(children.Selector(r.broker)).String()
	err := r.core.Get().Namespace(r.broker.Namespace).Resource("pods").Param("labelSelector", selector).Do(ctx).Into(&pods)
	if err != nil {
		return "", fmt.Errorf("list the pods of Broker %s/%s: %w", r.broker.Namespace, r.broker.Name, err)
	}
	return pick(pods.Items)
}

func pick(pods []corev1.Pod) (string, error) {
	if len(pods) == 0 {
		return "", errors.New("the Broker has no pod: is spec.replicas 0, or is it waiting for something? kubectl describe says what")
	}
	for _, pod := range pods {
		if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			return pod.Name, nil
		}
	}
	phase := string(pods[0].Status.Phase)
	if pods[0].DeletionTimestamp != nil {
		phase = "Terminating"
	}
	return "", fmt.Errorf("pod %s does not run: it is %s", pods[0].Name, phase)
}
