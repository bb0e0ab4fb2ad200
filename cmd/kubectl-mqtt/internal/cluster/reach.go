package cluster

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// reach is the way to one Broker, of which only name and namespace are known.
type reach struct {
	*Cluster
	broker *v1alpha1.Broker
}

// connect reaches the Broker's pod.
func (r *reach) connect(ctx context.Context) (*adminapi.Client, error) {
	name := children.OperatorTLSName(r.broker)
	secret, err := r.Secret(ctx, r.broker.Namespace, name)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no Broker %s in namespace %s, or the operator has not seen it yet: Secret %s is not there",
			r.broker.Name, r.broker.Namespace, name)
	}
	if err != nil {
		return nil, err
	}
	secured, err := adminapi.ClientTLS(secret.Data[corev1.TLSCertKey], secret.Data[corev1.TLSPrivateKeyKey], secret.Data[children.KeyCA])
	if err != nil {
		return nil, fmt.Errorf("use Secret %s/%s: %w", r.broker.Namespace, name, err)
	}
	forwarded, err := r.Forward(ctx, r.broker, children.AdminPort)
	if err != nil {
		return nil, err
	}
	return adminapi.NewClient(forwarded.Address, secured, forwarded.Close, forwarded.Trouble), nil
}

// pick is the name of a pod that runs. It need not be ready: one whose disk is full has a backup to give.
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
