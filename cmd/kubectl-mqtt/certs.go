package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/admin/api"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/local"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/screen"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

const certsHelp = `Lists the certificates of a broker: of its CA, its listeners, and its admin API, with their names and when they end
and are renewed. The listeners' are also asked of the broker: that it serves another one than is stored is said.
Keys are neither read nor shown.

` + whose + `
` + rights + ` It reads the
Secrets BROKER-ca, BROKER-server-tls, BROKER-admin-tls, and those that the Broker names; what it may not read it says.

Exit codes: 0 no certificate has expired; 1 one has, or something failed; 2 the command line is wrong.`

// certificate is one that a broker has.
type certificate struct {
	For     string    `json:"for"`
	Where   string    `json:"where"` // the Secret or file, or the listener that serves it
	Subject string    `json:"subject,omitempty"`
	Issuer  string    `json:"issuer,omitempty"`
	Names   []string  `json:"names,omitempty"`
	Begins  time.Time `json:"begins,omitzero"`
	Ends    time.Time `json:"ends"`
	// RenewAt is when who issued it renews it, if that is Dunlin.
	RenewAt *time.Time `json:"renewAt,omitempty"`
	Problem string     `json:"problem,omitempty"`
}

func newCerts(s streams) *cobra.Command {
	var o askOptions
	cmd := &cobra.Command{
		Use: "certs [BROKER]", Short: "List a broker's certificates and when they end", Long: certsHelp,
		Example: "  kubectl mqtt certs edge\n" +
			"  kubectl mqtt certs edge -o wide\n" +
			"  kubectl-mqtt certs --state-dir ./dunlin-state",
	}
	o.flags(cmd)
	cmd.RunE = o.ask(s, 0, 0, func(ctx context.Context, a *asked, _ []string) error {
		stored, err := storedCertificates(ctx, a)
		if err != nil {
			return err
		}
		overview, err := a.Overview(ctx)
		if err != nil {
			return err
		}
		all := judge(stored, overview.Listeners, time.Now())
		if err := a.show(all, func(wide bool) []string { return a.Lines(certTable(all, time.Now()), wide, "") }); err != nil {
			return err
		}
		for _, c := range all {
			if c.Problem != "" {
				return errSaid
			}
		}
		return nil
	})
	return cmd
}

// storedCertificates reads what there is.
func storedCertificates(ctx context.Context, a *asked) ([]certificate, error) {
	if a.state != nil {
		found, err := a.state.Certificates()
		if err != nil {
			return nil, err
		}
		return parseCertificates(found, true)
	}
	b, err := a.cluster.Broker(ctx, a.broker)
	if err != nil {
		return nil, err
	}
	own := b.Spec.TLS.SecretName == "" && b.Spec.TLS.IssuerRef == nil
	sources := []struct{ what, secret, key string }{
		{"CA of the listeners", b.Status.CASecretName, children.KeyCA}, {"listeners", children.ServerTLSName(b), corev1.TLSCertKey},
		{"CA of clients", b.Spec.TLS.ClientCASecretName, children.KeyCA}, {"admin API", children.AdminTLSName(b), corev1.TLSCertKey},
		{"operator at the admin API", children.OperatorTLSName(b), corev1.TLSCertKey},
	}
	if name := b.Spec.TLS.SecretName; name != "" {
		sources[1].secret = name
	}
	var found []local.Certificate
	for _, source := range sources {
		if source.secret == "" {
			continue
		}
		secret, err := a.cluster.Secret(ctx, b.Namespace, source.secret)
		if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
			a.note("Not shown, %s: %v", source.what, err)
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, local.Certificate{For: source.what, Where: "Secret " + source.secret, PEM: secret.Data[source.key]})
	}
	return parseCertificates(found, own)
}

// parseCertificates reads the first certificate of each, which is the one that is served. own says that Dunlin renews the listeners'.
func parseCertificates(found []local.Certificate, own bool) ([]certificate, error) {
	var all []certificate
	for _, f := range found {
		block, _ := pem.Decode(f.PEM)
		if block == nil {
			all = append(all, certificate{For: f.For, Where: f.Where, Problem: "there is no certificate in it"})
			continue
		}
		parsed, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("read certificate of %s: %w", f.Where, err)
		}
		c := certificate{
			For: f.For, Where: f.Where, Subject: parsed.Subject.String(), Issuer: parsed.Issuer.String(), Names: parsed.DNSNames,
			Begins: parsed.NotBefore.UTC(), Ends: parsed.NotAfter.UTC(),
		}
		for _, ip := range parsed.IPAddresses {
			c.Names = append(c.Names, ip.String())
		}
		if !parsed.IsCA && (own || f.For != "listeners") {
			at := pki.RenewAt(parsed).UTC()
			c.RenewAt = &at
		}
		all = append(all, c)
	}
	return all, nil
}

// judge adds what the listeners serve, and says what is wrong.
func judge(stored []certificate, listeners []api.Listener, now time.Time) []certificate {
	all := stored
	var ends *time.Time
	for i := range all {
		if all[i].For == "listeners" && all[i].Problem == "" {
			ends = &all[i].Ends
		}
		if all[i].Problem == "" && !now.Before(all[i].Ends) {
			all[i].Problem = "it has expired"
		}
	}
	for _, l := range listeners {
		if l.CertificateExpires == nil {
			continue
		}
		c := certificate{For: "served", Where: "listener " + l.Name, Ends: l.CertificateExpires.UTC()}
		switch {
		case !now.Before(c.Ends):
			c.Problem = "it has expired"
		case ends != nil && !ends.Truncate(time.Second).Equal(c.Ends.Truncate(time.Second)):
			c.Problem = "it is not the one that is stored: see the broker's log, why it does not load it"
		}
		all = append(all, c)
	}
	return all
}

func certTable(all []certificate, now time.Time) *screen.Table {
	t := &screen.Table{Columns: []screen.Column{
		{Name: "FOR"}, {Name: "WHERE"}, {Name: "ENDS"}, {Name: "RENEWED FROM"}, {Name: "PROBLEM"}, {Name: "NAMES", Wide: true}, {Name: "SUBJECT", Wide: true}, {Name: "ISSUER", Wide: true},
	}}
	for _, c := range all {
		renew := ""
		if c.RenewAt != nil {
			renew = c.RenewAt.Format(time.DateOnly)
		}
		ends := screen.Cell{}
		if !c.Ends.IsZero() {
			ends = expiryCell(&c.Ends, now)
		}
		t.AddStyled(screen.Cell{Text: c.For}, screen.Cell{Text: c.Where}, ends, screen.Cell{Text: renew}, screen.Cell{Text: c.Problem, Style: screen.Red},
			screen.Cell{Text: strings.Join(c.Names, ", ")}, screen.Cell{Text: c.Subject}, screen.Cell{Text: c.Issuer})
	}
	return t
}
