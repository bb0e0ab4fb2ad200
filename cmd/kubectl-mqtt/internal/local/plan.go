package local

import (
	"crypto/rand"
	"fmt"
	"net"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/manifests"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// plan is what is to run: all that a set of objects says, and where its files are.
type plan struct {
	broker  *v1alpha1.Broker
	config  config.Config
	certs   certificates
	bundle  *render.Bundle
	members []member
	acls    []render.NamedACL
	notes   []string // what is left out, and why
}

// makePlan works out what to run, and makes the certificates and passwords that are missing.
func makePlan(set *manifests.Set, o Options, state *State, now time.Time) (*plan, error) {
	b, err := set.Broker(o.Broker)
	if err != nil {
		return nil, err
	}
	if b.Spec.Replicas != nil && *b.Spec.Replicas == 0 {
		return nil, fmt.Errorf("%s has replicas: 0, so there is nothing to run", name(b))
	}
	p := &plan{broker: b}
	var own *corev1.Secret
	if secretName := b.Spec.TLS.SecretName; secretName != "" {
		if own = set.Secret(b.Namespace, secretName); own == nil {
			p.notes = append(p.notes, fmt.Sprintf("%s gets a certificate of its own CA: Secret %s/%s is not among the files",
				name(b), b.Namespace, secretName))
		}
	}
	if b.Spec.TLS.IssuerRef != nil {
		p.notes = append(p.notes, fmt.Sprintf("%s gets a certificate of its own CA: cert-manager issues them in a cluster only", name(b)))
	}
	if p.certs, err = state.certificates(b, own, o.ListenHost, now); err != nil {
		return nil, fmt.Errorf("certificates of %s: %w", name(b), err)
	}
	if err := state.clientCAs(&p.certs, b, set.Secret); err != nil {
		return nil, fmt.Errorf("certificates of %s: %w", name(b), err)
	}
	more, err := state.moreCertificates(b, set.Secret, now)
	if err != nil {
		return nil, fmt.Errorf("certificates of %s: %w", name(b), err)
	}
	for _, secretName := range children.MoreSecrets(b) {
		if _, ok := more[secretName]; !ok {
			p.notes = append(p.notes, fmt.Sprintf("%s does without the certificate of Secret %s/%s, which is not among the files", name(b), b.Namespace, secretName))
		}
	}
	headers, cas, notes, err := state.collector(b, set.Secret)
	if err != nil {
		return nil, fmt.Errorf("collector of %s: %w", name(b), err)
	}
	p.notes = append(p.notes, notes...)
	k := keeper{state: state, set: set, random: rand.Reader, write: true, now: now}
	issuer, err := p.issuer(set, o)
	if err != nil {
		return nil, err
	}
	if err := p.addAuth(k, issuer); err != nil {
		return nil, err
	}
	p.wakeForPasswords()
	if err := k.certify(p, now); err != nil {
		return nil, fmt.Errorf("client certificates of %s: %w", name(b), err)
	}
	p.config = render.Config(b, render.Paths{
		ListenHost:  o.ListenHost,
		TLSCertFile: p.certs.certFile, TLSKeyFile: p.certs.keyFile,
		More:         more,
		ClientCAFile: p.certs.clientCA, ClientCRLFile: p.certs.crl,
		TracingHeadersFile: headers, TracingCAFile: cas,
		AuthDir: state.path("auth"), StoreDir: state.path("data", folderName(b)), AuditFile: state.path("audit-" + folderName(b) + ".log"),
		AdminAddress: state.admin.address, AdminCertFile: state.admin.certFile, AdminKeyFile: state.admin.keyFile,
		ClientKeyPins: state.admin.pins, AdminTokensFile: state.admin.tokensFile,
	})
	return p, p.config.Defaulted().Validate()
}

// addAuth renders users and access rules, and who makes tokens; nil: none are taken.
func (p *plan) addAuth(k keeper, issuer *config.TokenIssuer) error {
	members, notes, err := k.members(p.broker)
	if err != nil {
		return err
	}
	p.members, p.notes = members, append(p.notes, notes...)
	accounts := make([]render.Account, len(members))
	for i, m := range members {
		accounts[i] = m.Account
	}
	acls := k.set.ACLsOf(p.broker)
	for i := range acls {
		p.acls = append(p.acls, render.ACL(&acls[i]))
	}
	p.bundle, err = render.Auth(accounts, p.acls, issuer)
	return err
}

// restarts says whether a broker that runs by old has to be restarted to run by p.
func (p *plan) restarts(old *plan) bool {
	return !reflect.DeepEqual(p.config.Static(), old.config.Static())
}

// listenHost is how clients on this machine reach a listener.
func (p *plan) clientHost(l config.Listener) string {
	if ip := net.ParseIP(l.Host); l.Host == "" || ip != nil && ip.IsUnspecified() {
		return "localhost"
	}
	return l.Host
}

func name(b *v1alpha1.Broker) string { return "Broker " + b.Namespace + "/" + b.Name }
