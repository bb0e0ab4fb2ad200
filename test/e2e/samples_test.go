//go:build e2e

package e2e

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// secretOf is a Secret's YAML.
func secretOf(name, kind string, data map[string][]byte) string {
	var out strings.Builder
	fmt.Fprintf(&out, "apiVersion: v1\nkind: Secret\nmetadata: {name: %s}\ntype: %s\ndata:\n", name, kind)
	for key, value := range data {
		fmt.Fprintf(&out, "  %s: %s\n", key, base64.StdEncoding.EncodeToString(value))
	}
	return out.String()
}

// brought are the Secrets that a sample's first lines say you bring, by its file.
func brought(sample string) []string {
	GinkgoHelper()
	ca, err := pki.NewCA("mine", time.Now())
	Expect(err).NotTo(HaveOccurred())
	switch sample {
	case "tls.yaml":
		pair, err := pki.IssueServer(ca, []string{"mqtt.example.com"}, nil, time.Hour, time.Now())
		Expect(err).NotTo(HaveOccurred())
		return []string{secretOf("mqtt-example-com", "kubernetes.io/tls", map[string][]byte{"tls.crt": pair.CertPEM, "tls.key": pair.KeyPEM})}
	case "mutual-tls.yaml":
		lists, _, err := pki.RevocationLists(nil, []pki.Pair{ca}, nil, time.Now())
		Expect(err).NotTo(HaveOccurred())
		return []string{
			secretOf("device-ca", "Opaque", map[string][]byte{"ca.crt": ca.CertPEM}),
			secretOf("device-crl", "Opaque", map[string][]byte{"ca.crl": lists}),
		}
	}
	return nil
}

// Every file of config/samples is applied as it is, and all that is in it becomes Ready.
var _ = Describe("the samples", func() {
	files, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil || len(files) < 5 {
		panic(fmt.Sprintf("%d samples, %v", len(files), err))
	}
	for _, file := range files {
		It("apply and become Ready: "+filepath.Base(file), func() {
			yaml, err := os.ReadFile(file)
			Expect(err).NotTo(HaveOccurred())
			n := newNamespace()
			for _, secret := range brought(filepath.Base(file)) {
				n.apply(secret)
			}
			namespaces := []namespace{n}
			for line := range strings.Lines(string(yaml)) {
				name, ok := strings.CutPrefix(line, "  namespace: ")
				if other := namespace(strings.TrimSpace(name)); ok && !slices.Contains(namespaces, other) {
					namespaces = append(namespaces, other)
				}
			}
			from := n
			if len(namespaces) > 1 {
				from = "" // each object says where it belongs
			}
			from.apply(string(yaml))
			DeferCleanup(func() {
				out, err := from.try(string(yaml), "delete", "--ignore-not-found", "--timeout=50s", "-f", "-")
				Expect(err).NotTo(HaveOccurred(), out)
			})
			if strings.Contains(string(yaml), "issuerRef:") {
				return // applied: here is no cert-manager, and not that issuer
			}
			found := 0
			for _, in := range namespaces {
				for object := range strings.FieldsSeq(in.run("get", "brokers,users,acls", "-o", "name")) {
					in.ready(object)
					found++
				}
			}
			Expect(found).To(Equal(strings.Count("\n"+string(yaml), "\napiVersion: mqtt.dunlin.dev/v1alpha1")))
		})
	}
})
