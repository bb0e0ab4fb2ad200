package controllers

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

var _ = Describe("the admin prober", func() {
	now := time.Now()
	pairs := func() (ca, server, client pki.Pair) {
		GinkgoHelper()
		ca, err := pki.NewCA("edge", now)
		Expect(err).NotTo(HaveOccurred())
		server, err = pki.IssueServer(ca, []string{children.AdminServerName}, nil, time.Hour, now)
		Expect(err).NotTo(HaveOccurred())
		client, err = pki.IssueClient(ca, FieldOwner, time.Hour, now)
		Expect(err).NotTo(HaveOccurred())
		return ca, server, client
	}
	// serve answers as a broker's admin API does, and returns its address.
	serve := func(server pki.Pair, answer http.HandlerFunc) string {
		GinkgoHelper()
		pair, err := tls.X509KeyPair(server.CertPEM, server.KeyPEM)
		Expect(err).NotTo(HaveOccurred())
		s := httptest.NewUnstartedServer(answer)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS13}
		s.StartTLS()
		DeferCleanup(s.Close)
		return strings.TrimPrefix(s.URL, "https://")
	}
	ask := func(ca, server, client pki.Pair, answer http.HandlerFunc) (Loaded, error) {
		GinkgoHelper()
		config, err := adminClient(client, ca.CertPEM)
		Expect(err).NotTo(HaveOccurred())
		return loaded(context.Background(), serve(server, answer), config)
	}

	It("reads the revisions, by its client certificate", func() {
		ca, server, client := pairs()
		pin, err := pki.KeyPin(client.CertPEM)
		Expect(err).NotTo(HaveOccurred())
		Expect(ask(ca, server, client, func(w http.ResponseWriter, r *http.Request) {
			Expect(r.URL.Path).To(Equal("/v1/status"))
			Expect(pinOf(r)).To(Equal(pin))
			_, _ = w.Write([]byte(`{"authRevision": "abc", "clientTrust": "def", "configRevision": "ghi", "version": "1", "more": 1}`))
		})).To(Equal(Loaded{AuthRevision: "abc", ClientTrust: "def", ConfigRevision: "ghi"}))
	})

	It("trusts no other CA", func() {
		ca, _, client := pairs()
		_, foreign, _ := pairs()
		_, err := ask(ca, foreign, client, func(http.ResponseWriter, *http.Request) {})
		Expect(err).To(MatchError(ContainSubstring("certificate signed by unknown authority")))
	})

	DescribeTable("names a bad answer", func(answer http.HandlerFunc, message string) {
		ca, server, client := pairs()
		_, err := ask(ca, server, client, answer)
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry("a refusal", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "403 Forbidden"),
		Entry("no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }, "decode the answer"),
		Entry("no end", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"authRevision": "` + strings.Repeat("x", 2*maxProbeBytes)))
		}, "decode the answer"),
	)

	It("says that a pod has no address yet", func() {
		_, err := AdminProber{}.Loaded(context.Background(), &corev1.Pod{}, nil)
		Expect(err).To(MatchError("the pod has no address yet"))
	})
})

// pinOf is the pin of the key that the caller has proved to have.
func pinOf(r *http.Request) (string, error) {
	return pki.KeyPin(certPEM(r.TLS.PeerCertificates[0].Raw))
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
