package local

import (
	"fmt"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch"
	"github.com/dunlin-mqtt/dunlin/broker/token"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manifests"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// issuer is who makes the tokens of ServiceAccounts that the Broker takes; nil: it takes none, or nobody has said by which keys, which
// is noted.
func (p *plan) issuer(set *manifests.Set, o Options) (*config.TokenIssuer, error) {
	if p.broker.Spec.Authentication.ServiceAccounts == nil {
		return nil, nil
	}
	if o.TokenKeys == "" || o.Issuer == "" {
		p.notes = append(p.notes, fmt.Sprintf("%s takes no tokens of ServiceAccounts: there is no cluster to ask for their keys. "+
			"Give kubectl-mqtt run --token-keys FILE, of `kubectl get --raw /openid/v1/jwks`, and --token-issuer URL, the issuer of "+
			"`kubectl get --raw /.well-known/openid-configuration`", name(p.broker)))
		return nil, nil
	}
	keys, err := filewatch.Read(o.TokenKeys, token.MaxKeysBytes)
	if err != nil {
		return nil, fmt.Errorf("keys of tokens: %w", err)
	}
	issuer, err := render.IssuerOf(o.Issuer, keys)
	if err != nil {
		return nil, fmt.Errorf("keys of tokens: %s: %w", o.TokenKeys, err)
	}
	issuer.Namespaces, issuer.AnyNamespace = set.NamespacesOf(p.broker)
	return issuer, nil
}
