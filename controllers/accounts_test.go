package controllers

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	restfake "k8s.io/client-go/rest/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/token"
	"github.com/dunlin-mqtt/dunlin/broker/token/tokentest"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// issuerOf polls who makes the tokens that pods take; nil: nobody.
func issuerOf(ns string) func() *config.TokenIssuer {
	return func() *config.TokenIssuer {
		data := secretData(ns, "edge-auth")()
		issuer := &config.TokenIssuer{}
		var m config.Manifest
		if json.Unmarshal(data[config.BundleIssuer], issuer) != nil || json.Unmarshal(data[config.BundleManifest], &m) != nil || m.Files[config.BundleIssuer] == "" {
			return nil
		}
		return issuer
	}
}

var _ = Describe("a Broker that takes ServiceAccounts' tokens", func() {
	It("has the keys by which a token of the cluster is verified, and the namespaces that it allows", func() {
		ns := newNamespace(nil)
		friend := newNamespace(map[string]string{"mqtt": ns})
		b := newReadyBroker(ns, func(b *v1alpha1.Broker) { b.Spec.Authentication.ServiceAccounts = &config.ServiceAccounts{} })
		Eventually(conditionOf(b, v1alpha1.ConditionServiceAccountsReady)).Should(Equal("True AsExpected"))
		Expect(messageOf(b, v1alpha1.ConditionServiceAccountsReady)()).To(HaveSuffix("has made for dunlin"))
		issuer := issuerOf(ns)()
		Expect(issuer).NotTo(BeNil())
		Expect(issuer.Namespaces).To(Equal([]string{ns}))

		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "press", Namespace: ns}}
		Expect(cluster.Create(ctx, account)).To(Succeed())
		request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"dunlin"}}}
		Expect(cluster.SubResource("token").Create(ctx, account, request)).To(Succeed())
		keys, err := token.ParseKeys(issuer.Keys)
		Expect(err).NotTo(HaveOccurred())
		v := token.Verifier{Issuer: issuer.Issuer, Audiences: []string{config.DefaultAudience}, Keys: keys}
		h, err := v.Verify([]byte(request.Status.Token), time.Now())
		Expect(err).NotTo(HaveOccurred())
		Expect(h.Namespace + "/" + h.Name).To(Equal(ns + "/press"))
		request = &authenticationv1.TokenRequest{} // of the API server's own audience
		Expect(cluster.SubResource("token").Create(ctx, account, request)).To(Succeed())
		_, err = v.Verify([]byte(request.Status.Token), time.Now())
		Expect(err).To(MatchError(ContainSubstring("not for the audience dunlin")))

		change(b, func(b *v1alpha1.Broker) {
			b.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"mqtt": ns}}
		})
		namespaces := func() []string { return issuerOf(ns)().Namespaces }
		Eventually(namespaces).Should(ConsistOf(ns, friend))
		change(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: friend}}, func(n *corev1.Namespace) { n.Labels = nil })
		Eventually(namespaces).Should(ConsistOf(ns))
		change(b, func(b *v1alpha1.Broker) { b.Spec.AllowedNamespaces = &metav1.LabelSelector{} })
		Eventually(func() bool { return issuerOf(ns)().AnyNamespace }).Should(BeTrue())
		Expect(namespaces()).To(BeEmpty())

		change(b, func(b *v1alpha1.Broker) { b.Spec.Authentication.ServiceAccounts = nil })
		Eventually(issuerOf(ns)).Should(BeNil())
		Expect(secretData(ns, "edge-auth")()).NotTo(HaveKey(config.BundleIssuer))
		Eventually(conditionOf(b, v1alpha1.ConditionServiceAccountsReady)).Should(BeEmpty())
	})

	It("has rules for ServiceAccounts of their ACL's namespace", func() {
		ns := newNamespace(nil)
		newReadyBroker(ns, nil)
		a := &v1alpha1.ACL{ObjectMeta: metav1.ObjectMeta{Name: "press", Namespace: ns}}
		a.Spec.BrokerRef.Name = "edge"
		a.Spec.Subjects = []config.Subject{{Kind: config.SubjectServiceAccount, Name: "press"}, {Kind: config.SubjectServiceAccount, Name: "other/x"}}
		a.Spec.Rules = []config.Rule{{Actions: []config.Action{config.ActionPublish}, Topics: []string{"press/#"}}}
		a.Spec.Tests = []v1alpha1.ACLTest{{As: v1alpha1.ACLTestClient{User: token.Username(ns, "press")}, Action: config.ActionPublish, Topic: "press/1", Expect: config.Allow}}
		Expect(cluster.Create(ctx, a)).To(Succeed())
		Eventually(conditionOf(a, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(bundleText(ns)()).To(And(ContainSubstring(`\"name\":\"`+ns+`/press\"`), ContainSubstring(`\"name\":\"other/x\"`)))
	})
})

var _ = Describe("the keys of tokens", func() {
	issuer := tokentest.New(GinkgoTB())
	var fails, bad bool
	asked := 0
	get := &restfake.RESTClient{NegotiatedSerializer: clientgoscheme.Codecs.WithoutConversion(), Client: restfake.CreateHTTPClient(func(r *http.Request) (*http.Response, error) {
		asked++
		body := `{"issuer": "` + issuer.URL + `"}`
		switch {
		case fails:
			return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody}, nil
		case r.URL.Path == pathKeys && bad:
			body = `{"keys": []}`
		case r.URL.Path == pathKeys:
			body = string(tokentest.JWKS(GinkgoTB(), issuer))
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: readCloser{strings.NewReader(body)}}, nil
	})}

	It("are asked for now and then, and those that the pods have stay while nobody tells them", func() {
		scheme, err := Scheme()
		Expect(err).NotTo(HaveOccurred())
		b := &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: "iot"}}
		b.Spec.Authentication.ServiceAccounts = &config.ServiceAccounts{Audiences: []string{"a", "b"}}
		c := fake.NewClientBuilder().WithScheme(scheme).Build()
		r := &BrokerReconciler{applier: applier{Client: c}, issuer: &clusterIssuer{get: get}}
		now := time.Now()
		pass := func() (*config.TokenIssuer, *brokerScope) {
			GinkgoHelper()
			s := newBrokerScope(b, "", now)
			got, err := r.tokenIssuer(ctx, s)
			Expect(err).NotTo(HaveOccurred())
			return got, s
		}
		for range 2 {
			got, s := pass()
			Expect(got.Namespaces).To(Equal([]string{"iot"}))
			Expect(s.accounts.message).To(Equal("Tokens are taken that " + issuer.URL + " has made for a or b"))
			Expect(s.requeueAfter()).To(Equal(keysRecheck))
			Expect(asked).To(Equal(2), "and once for all Brokers")
		}
		for _, how := range []*bool{&fails, &bad} {
			*how, now = true, now.Add(keysRecheck)
			got, s := pass()
			Expect(got).To(BeNil(), "closed, not open")
			Expect(s.accounts.status).To(Equal(metav1.ConditionFalse))
			Expect(s.accounts.reason).To(Equal(v1alpha1.ReasonTokenKeysMissing))
			Expect(s.requeueAfter()).To(Equal(keysRetry))
			*how = false
		}
		had, err := json.Marshal(config.TokenIssuer{Issuer: "had", Keys: tokentest.JWKS(GinkgoTB(), issuer), Namespaces: []string{"gone"}})
		Expect(err).NotTo(HaveOccurred())
		Expect(c.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: children.AuthName(b), Namespace: "iot"}, Data: map[string][]byte{config.BundleIssuer: had},
		})).To(Succeed())
		fails = true
		got, s := pass()
		Expect(got.Issuer).To(Equal("had"))
		Expect(got.Namespaces).To(Equal([]string{"iot"}))
		Expect(s.accounts.message).To(HavePrefix("The keys of tokens are those of before: "))
	})
})

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
