package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// keysRecheck is how often the API server is asked for the keys of its tokens, which may change: nothing can be watched there.
// A token that is signed with a new key is refused until then. keysRetry is how often while it does not answer.
const (
	keysRecheck = 2 * time.Minute
	keysRetry   = 15 * time.Second
)

// Where the API server tells who makes its tokens, and the keys.
const (
	pathDiscovery = "/.well-known/openid-configuration"
	pathKeys      = "/openid/v1/jwks"
)

// clusterIssuer remembers who makes the tokens of the cluster's ServiceAccounts.
type clusterIssuer struct {
	get rest.Interface

	mu     sync.Mutex
	asked  time.Time
	issuer *config.TokenIssuer
}

// read is the issuer with its keys, as the API server told in the last keysRecheck, or tells now.
func (c *clusterIssuer) read(ctx context.Context, now time.Time) (config.TokenIssuer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Half of it, so that who looks again after keysRecheck gets another answer.
	if age := now.Sub(c.asked); c.issuer != nil && age >= 0 && age < keysRecheck/2 {
		return *c.issuer, nil
	}
	discovery, err := c.get.Get().AbsPath(pathDiscovery).DoRaw(ctx)
	if err != nil {
		return config.TokenIssuer{}, fmt.Errorf("get %s: %w", pathDiscovery, err)
	}
	keys, err := c.get.Get().AbsPath(pathKeys).DoRaw(ctx)
	if err != nil {
		return config.TokenIssuer{}, fmt.Errorf("get %s: %w", pathKeys, err)
	}
	issuer, err := render.Issuer(discovery, keys)
	if err != nil {
		return config.TokenIssuer{}, err
	}
	c.asked, c.issuer = now, issuer
	return *issuer, nil
}

// tokenIssuer is who makes the tokens that the Broker takes, and of which namespaces; nil: it takes none. While the API server does not
// tell, the keys that the pods have stay; without any, no token is good.
func (r *BrokerReconciler) tokenIssuer(ctx context.Context, s *brokerScope) (*config.TokenIssuer, error) {
	accounts := s.broker.Spec.Authentication.ServiceAccounts
	if accounts == nil {
		return nil, nil
	}
	issuer, failed := r.issuer.read(ctx, s.now)
	if failed == nil {
		s.wake(keysRecheck)
	} else {
		s.wake(keysRetry)
		had, err := r.issuerOfPods(ctx, s.broker)
		if err != nil {
			return nil, err
		}
		if had == nil {
			s.accounts = no(v1alpha1.ReasonTokenKeysMissing, fmt.Sprintf("No token is taken: the API server does not tell the keys of its tokens: %s", failed))
			return nil, nil
		}
		issuer = *had
	}
	var err error
	if issuer.Namespaces, issuer.AnyNamespace, err = r.namespacesOf(ctx, s.broker); err != nil {
		return nil, err
	}
	if failed != nil {
		s.accounts = no(v1alpha1.ReasonTokenKeysMissing, fmt.Sprintf("The keys of tokens are those of before: the API server does not tell the present ones: %s", failed))
		return &issuer, nil
	}
	audiences := accounts.Audiences
	if len(audiences) == 0 {
		audiences = []string{config.DefaultAudience}
	}
	s.accounts = yes(v1alpha1.ReasonAsExpected, fmt.Sprintf("Tokens are taken that %s has made for %s", issuer.Issuer, strings.Join(audiences, " or ")))
	return &issuer, nil
}

// issuerFile is what the pods are told of who makes tokens; nil: nothing.
func (r *BrokerReconciler) issuerFile(ctx context.Context, s *brokerScope) ([]byte, error) {
	issuer, err := r.tokenIssuer(ctx, s)
	if err != nil {
		return nil, err
	}
	file, err := render.IssuerFile(issuer)
	if errors.Is(err, render.ErrTooLarge) {
		return nil, &faultError{v1alpha1.ReasonBundleTooLarge, err.Error()}
	}
	return file, err
}

// issuerOfPods is the one in the bundle as it is; nil: there is none.
func (r *BrokerReconciler) issuerOfPods(ctx context.Context, b *v1alpha1.Broker) (*config.TokenIssuer, error) {
	secret, err := r.peek(ctx, b.Namespace, children.AuthName(b))
	if err != nil || secret == nil {
		return nil, err
	}
	had := &config.TokenIssuer{}
	if json.Unmarshal(secret.Data[config.BundleIssuer], had) != nil {
		return nil, nil // there is none, or somebody has spoiled it
	}
	checked, err := render.IssuerOf(had.Issuer, had.Keys)
	if err != nil {
		return nil, nil //nolint:nilerr // likewise
	}
	return checked, nil
}

// namespacesOf are those whose ServiceAccounts the Broker lets in: its own and those that it selects, or all.
func (r *BrokerReconciler) namespacesOf(ctx context.Context, b *v1alpha1.Broker) (names []string, all bool, err error) {
	selector := allowedNamespaces(b)
	if selector == nil {
		return []string{b.Namespace}, false, nil
	}
	if selector.Empty() {
		return nil, true, nil
	}
	var list metav1.PartialObjectMetadataList
	list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("NamespaceList"))
	if err := r.List(ctx, &list); err != nil {
		return nil, false, fmt.Errorf("list Namespaces: %w", err)
	}
	names = []string{b.Namespace}
	for i := range list.Items {
		if selector.Matches(labels.Set(list.Items[i].Labels)) {
			names = append(names, list.Items[i].Name)
		}
	}
	return names, false, nil
}

// writeAccounts puts what the pass found into the status.
func (s *brokerScope) writeAccounts() {
	if s.accounts.status != "" {
		setCondition(&s.broker.Status.Conditions, v1alpha1.ConditionServiceAccountsReady, s.broker.Generation, s.accounts)
	} else if s.broker.Spec.Authentication.ServiceAccounts == nil {
		meta.RemoveStatusCondition(&s.broker.Status.Conditions, v1alpha1.ConditionServiceAccountsReady)
	}
}
