package controllers

import (
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
)

var _ = Describe("a User", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })

	fits := func(data map[string][]byte, plain string) {
		GinkgoHelper()
		ok, err := password.Verify(string(data["passwordHash"]), []byte(plain))
		Expect(err).NotTo(HaveOccurred())
		Expect(ok).To(BeTrue())
	}

	It("puts on the connection Secret what its template says, and takes it away again", func() {
		newReadyBroker(ns, nil)
		u := newUser(ns, "alice", func(u *v1alpha1.User) {
			u.Spec.SecretTemplate = &v1alpha1.SecretTemplate{
				Labels:      map[string]string{"team": "press", "app.kubernetes.io/part-of": "mine"},
				Annotations: map[string]string{"example.com/copy": "true"},
			}
		})
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "alice-mqtt", Namespace: ns}}
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
		Expect(secret.Labels).To(And(HaveKeyWithValue("team", "press"), HaveKeyWithValue("app.kubernetes.io/part-of", "dunlin"),
			HaveKeyWithValue(v1alpha1.LabelUser, "alice")))
		Expect(secret.Annotations).To(HaveKeyWithValue("example.com/copy", "true"))
		password := secret.Data["password"]
		change(u, func(u *v1alpha1.User) { u.Spec.SecretTemplate = nil })
		Eventually(func() map[string]string {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
			return secret.Labels
		}).ShouldNot(HaveKey("team"))
		Expect(secret.Annotations).NotTo(HaveKey("example.com/copy"))
		Expect(secret.Data["password"]).To(Equal(password))
	})

	It("gets a password and all that a workload needs to connect", func() {
		newReadyBroker(ns, nil)
		u := newUser(ns, "alice", nil)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		s := &corev1.Secret{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: "alice-mqtt"}, s)).To(Succeed())
		Expect(s.Type).To(Equal(corev1.SecretTypeBasicAuth))
		Expect(metav1.IsControlledBy(s, u)).To(BeTrue())
		Expect(string(s.Data["username"])).To(Equal("alice"))
		Expect(string(s.Data["password"])).To(MatchRegexp("^[A-Za-z0-9]{32}$"))
		Expect(string(s.Data["host"])).To(Equal("edge." + ns + ".svc"))
		Expect(string(s.Data["port"])).To(Equal("8883"))
		Expect(string(s.Data["uri"])).To(Equal("mqtts://edge." + ns + ".svc:8883"))
		Expect(s.Data["ca.crt"]).To(Equal(secretData(ns, "edge-ca")()["ca.crt"]))
		fits(s.Data, string(s.Data["password"]))
		Expect(bundleText(ns)()).To(ContainSubstring("alice:" + string(s.Data["passwordHash"])))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
		Expect(u.Status.Username).To(Equal("alice"))
		Expect(u.Status.SecretName).To(Equal("alice-mqtt"))
		Expect(u.Finalizers).To(BeEmpty())
	})

	It("is applied only when the pods say so", func() {
		newReadyBroker(ns, nil)
		brokers.hold(ns, "an older revision")
		DeferCleanup(brokers.release, ns)
		u := newUser(ns, "alice", nil)
		Eventually(conditionOf(u, v1alpha1.ConditionApplied)).Should(Equal("False WaitingForPods"))
		Eventually(bundleText(ns)).Should(ContainSubstring("alice:"))
		Consistently(conditionOf(u, v1alpha1.ConditionReady)).Should(HavePrefix("False"))
		b := &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: ns}}
		Expect(conditionOf(b, v1alpha1.ConditionReady)()).To(Equal("True AsExpected"), "pods that serve an older revision serve")
		Expect(conditionOf(b, v1alpha1.ConditionReconciling)()).To(Equal("True Progressing"))
		brokers.release(ns)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Eventually(conditionOf(b, v1alpha1.ConditionReconciling)).Should(BeEmpty())
	})

	It("stays applied while the pods load another's change", func() {
		newReadyBroker(ns, nil)
		alice := newUser(ns, "alice", nil)
		Eventually(conditionOf(alice, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(alice), alice)).To(Succeed())
		brokers.hold(ns, "an older revision")
		DeferCleanup(brokers.release, ns)
		bob := newUser(ns, "bob", nil)
		Eventually(conditionOf(bob, v1alpha1.ConditionApplied)).Should(Equal("False WaitingForPods"))
		version := alice.ResourceVersion
		Consistently(func() string {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(alice), alice)).To(Succeed())
			return alice.ResourceVersion
		}).Should(Equal(version))
		change(alice, func(u *v1alpha1.User) { u.Spec.Groups = []string{"operators"} })
		Eventually(conditionOf(alice, v1alpha1.ConditionApplied)).Should(Equal("False WaitingForPods"), "its own change is not loaded")
		brokers.release(ns)
		Eventually(conditionOf(alice, v1alpha1.ConditionApplied)).Should(Equal("True Applied"))
	})

	It("keeps its password across a restart of the operator, and gets a new one when the Secret goes", func() {
		newReadyBroker(ns, nil)
		u := newUser(ns, "alice", nil)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		first := secretData(ns, "alice-mqtt")()
		restart()
		change(u, func(u *v1alpha1.User) { u.Spec.Groups = []string{"g"} })
		Eventually(bundleText(ns)).Should(ContainSubstring(`\"groups\":[\"g\"]`))
		Expect(secretData(ns, "alice-mqtt")()).To(Equal(first))

		Expect(cluster.Delete(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "alice-mqtt", Namespace: ns}})).To(Succeed())
		Eventually(secretData(ns, "alice-mqtt")).ShouldNot(Or(BeNil(), Equal(first)))
		second := secretData(ns, "alice-mqtt")()
		Eventually(bundleText(ns)).Should(ContainSubstring(string(second["passwordHash"])))
	})

	It("takes a password that was edited in its Secret", func() {
		newReadyBroker(ns, nil)
		newUser(ns, "alice", nil)
		Eventually(secretData(ns, "alice-mqtt")).ShouldNot(BeNil())
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "alice-mqtt", Namespace: ns}}
		old := secretData(ns, "alice-mqtt")()
		change(s, func(s *corev1.Secret) { s.Data["password"] = []byte("my own") })
		Eventually(func() []byte { return secretData(ns, "alice-mqtt")()["passwordHash"] }).ShouldNot(Equal(old["passwordHash"]))
		fits(secretData(ns, "alice-mqtt")(), "my own")
	})

	It("is shut out when suspended, though the Broker has a fault of its own", func() {
		b := newReadyBroker(ns, nil)
		u := newUser(ns, "alice", nil)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		change(b, func(b *v1alpha1.Broker) {
			b.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "k", Operator: "Nonsense"}}}
		})
		Eventually(conditionOf(b, v1alpha1.ConditionStalled)).Should(Equal("True InvalidConfig"))
		Expect(bundleText(ns)()).To(ContainSubstring("alice:"))
		change(u, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		Eventually(bundleText(ns)).ShouldNot(ContainSubstring("alice:"))
	})

	It("does not overwrite a password that was edited after it looked", func() {
		newReadyBroker(ns, nil)
		u := newUser(ns, "alice", nil)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "alice-mqtt", Namespace: ns}}
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(s), s)).To(Succeed())
		seen := s.ResourceVersion
		change(s, func(s *corev1.Secret) { s.Data["password"] = []byte("my own") })
		err := applier{Client: cluster, live: cluster}.apply(ctx, u, coreac.Secret(s.Name, ns).
			WithResourceVersion(seen).WithLabels(s.Labels).WithData(map[string][]byte{"password": []byte("old")}))
		Expect(apierrors.IsConflict(err)).To(BeTrue(), "%v", err)
		Expect(string(secretData(ns, "alice-mqtt")()["password"])).To(Equal("my own"))
	})

	It("takes its password from a Secret, and keeps it when that Secret goes", func() {
		newReadyBroker(ns, nil)
		u := newUser(ns, "alice", func(u *v1alpha1.User) {
			u.Spec.Authentication.Password.SecretRef = &v1alpha1.SecretKeyRef{Name: "mine", Key: "pw"}
		})
		Eventually(conditionOf(u, v1alpha1.ConditionStalled)).Should(Equal("True SecretNotFound"))
		Expect(messageOf(u, v1alpha1.ConditionReady)()).To(Equal(
			"Secret " + ns + "/mine, whose key pw is to be the password, does not exist"))

		mine := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "mine", Namespace: ns}, StringData: map[string]string{"other": "x"}}
		Expect(cluster.Create(ctx, mine)).To(Succeed())
		Eventually(messageOf(u, v1alpha1.ConditionReady)).Should(Equal(
			"Secret " + ns + "/mine has no key pw, which is to be the password"))
		change(mine, func(s *corev1.Secret) { s.StringData = map[string]string{"pw": "one"} })
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		fits(secretData(ns, "alice-mqtt")(), "one")
		change(mine, func(s *corev1.Secret) { s.StringData = map[string]string{"pw": "two"} })
		Eventually(func() string { return string(secretData(ns, "alice-mqtt")()["password"]) }).Should(Equal("two"))
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))

		hash := string(secretData(ns, "alice-mqtt")()["passwordHash"])
		Expect(cluster.Delete(ctx, mine)).To(Succeed())
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("False SecretNotFound"))
		Expect(bundleText(ns)()).To(ContainSubstring("alice:" + hash))

		change(u, func(u *v1alpha1.User) { u.Spec.Authentication.Password = v1alpha1.PasswordSource{} })
		Eventually(func() string { return string(secretData(ns, "alice-mqtt")()["password"]) }).Should(MatchRegexp("^[A-Za-z0-9]{32}$"))
	})

	It("makes SCRAM keys of a password, which stay while it does", func() {
		newReadyBroker(ns, nil)
		u := newUser(ns, "alice", nil)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		change(u, func(u *v1alpha1.User) {
			u.Spec.Authentication.Password.Scram = []config.EnhancedMethod{config.ScramSHA256, config.ScramSHA512}
		})
		Eventually(bundleText(ns)).Should(ContainSubstring("alice:SCRAM-SHA-512$"))
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		before := secretData(ns, "alice-mqtt")()
		Expect(before).To(HaveKeyWithValue("scramKeys", ContainSubstring("SCRAM-SHA-256$")))
		change(u, func(u *v1alpha1.User) { u.Spec.Groups = []string{"ops"} })
		Eventually(bundleText(ns)).Should(ContainSubstring("ops"))
		Expect(secretData(ns, "alice-mqtt")()).To(Equal(before))
		change(u, func(u *v1alpha1.User) { u.Spec.Authentication.Password.Scram = nil })
		Eventually(bundleText(ns)).ShouldNot(ContainSubstring("SCRAM"))
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(secretData(ns, "alice-mqtt")()).NotTo(HaveKey("scramKeys"))
	})

	It("takes the hash that mosquitto_passwd prints, and names one that it can't read", func() {
		newReadyBroker(ns, nil)
		hash := password.Hash([]byte("known"), []byte("123456789012"))
		u := newUser(ns, "alice", func(u *v1alpha1.User) { u.Spec.Authentication.Password.PasswordHash = hash })
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(secretData(ns, "alice-mqtt")()).NotTo(HaveKey("password"))
		change(u, func(u *v1alpha1.User) { u.Spec.Authentication.Password.PasswordHash = "$7$nonsense" })
		Eventually(conditionOf(u, v1alpha1.ConditionStalled)).Should(Equal("True InvalidPasswordHash"))
		Expect(messageOf(u, v1alpha1.ConditionReady)()).To(HavePrefix("spec.authentication.password.passwordHash: "))
		Expect(bundleText(ns)()).To(ContainSubstring("alice:"+hash), "what was applied stays in force")
	})

	It("yields its name to an older User, and gets it when that one goes", func() {
		newReadyBroker(ns, nil)
		first := newUser(ns, "a-first", func(u *v1alpha1.User) { u.Spec.Username = "alice" })
		Eventually(conditionOf(first, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		second := newUser(ns, "b-second", func(u *v1alpha1.User) { u.Spec.Username = "alice" })
		Eventually(conditionOf(second, v1alpha1.ConditionStalled)).Should(Equal("True UsernameTaken"))
		Expect(messageOf(second, v1alpha1.ConditionReady)()).To(Equal(fmt.Sprintf(
			`User %s/a-first, which is older, has the user name "alice" on Broker %s/edge`, ns, ns)))
		Expect(conditionOf(first, v1alpha1.ConditionReady)()).To(Equal("True Applied"))
		Expect(cluster.Delete(ctx, first)).To(Succeed())
		Eventually(conditionOf(second, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
	})

	It("has limits of its own, and loses them", func() {
		newReadyBroker(ns, nil)
		u := newUser(ns, "alice", func(u *v1alpha1.User) { u.Spec.Limits = &config.UserLimits{MaxConnections: new(int32(3))} })
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(bundleText(ns)()).To(ContainSubstring(`\"limits\":{\"maxConnections\":3}`))
		change(u, func(u *v1alpha1.User) { u.Spec.Limits = nil })
		Eventually(bundleText(ns)).ShouldNot(ContainSubstring("limits"))
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
	})

	It("is kept out while suspended", func() {
		newReadyBroker(ns, nil)
		u := newUser(ns, "alice", nil)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		before := secretData(ns, "alice-mqtt")()
		change(u, func(u *v1alpha1.User) { u.Spec.Suspended = true })
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Suspended"))
		Expect(bundleText(ns)()).NotTo(ContainSubstring("alice:"))
		change(u, func(u *v1alpha1.User) { u.Spec.Suspended = false })
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(secretData(ns, "alice-mqtt")()).To(Equal(before))
	})

	It("is out of the bundle once deleted", func() {
		newReadyBroker(ns, nil)
		u := newUser(ns, "alice", nil)
		Eventually(bundleText(ns)).Should(ContainSubstring("alice:"))
		Expect(cluster.Delete(ctx, u)).To(Succeed())
		Eventually(bundleText(ns)).Should(Equal("{}"), "an empty shard does not stay behind")
	})

	It("waits for a Broker that doesn't exist yet", func() {
		u := newUser(ns, "alice", nil)
		Eventually(conditionOf(u, v1alpha1.ConditionStalled)).Should(Equal("True BrokerNotFound"))
		Expect(messageOf(u, v1alpha1.ConditionReady)()).To(Equal("Broker " + ns + "/edge does not exist"))
		newReadyBroker(ns, nil)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
	})

	It("needs the Broker's consent from another namespace", func() {
		newReadyBroker(ns, nil)
		other := newNamespace(map[string]string{"team": "iot-" + ns})
		u := newUser(other, "alice", func(u *v1alpha1.User) { u.Spec.BrokerRef.Namespace = ns })
		Eventually(conditionOf(u, v1alpha1.ConditionStalled)).Should(Equal("True NamespaceNotAllowed"))
		Expect(messageOf(u, v1alpha1.ConditionReady)()).To(Equal(fmt.Sprintf(
			"Broker %s/edge does not allow namespace %s: its spec.allowedNamespaces must select it", ns, other)))
		Expect(bundleText(ns)()).NotTo(ContainSubstring("alice:"))
		b := &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: ns}}
		change(b, func(b *v1alpha1.Broker) {
			b.Spec.AllowedNamespaces = &metav1.LabelSelector{MatchLabels: map[string]string{"team": "iot-" + ns}}
		})
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		Expect(string(secretData(other, "alice-mqtt")()["host"])).To(Equal("edge." + ns + ".svc"))

		change(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other}}, func(n *corev1.Namespace) { delete(n.Labels, "team") })
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("False NamespaceNotAllowed"))
		Eventually(bundleText(ns)).ShouldNot(ContainSubstring("alice:"))
	})

	It("does not read or touch a Secret of its name that isn't its own", func() {
		newReadyBroker(ns, nil)
		theirs := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "alice-mqtt", Namespace: ns}, Data: map[string][]byte{"password": []byte("theirs")},
		}
		Expect(cluster.Create(ctx, theirs)).To(Succeed())
		u := newUser(ns, "alice", nil)
		Eventually(conditionOf(u, v1alpha1.ConditionStalled)).Should(Equal("True NameConflict"))
		Expect(secretData(ns, "alice-mqtt")()).To(Equal(theirs.Data))
		Expect(bundleText(ns)()).NotTo(ContainSubstring("alice:"))
	})

	It("has an event for each transition of Ready, and no others", func() {
		newReadyBroker(ns, nil)
		u := newUser(ns, "alice", nil)
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
		about := func() []string {
			var list eventsv1.EventList
			Expect(cluster.List(ctx, &list, client.InNamespace(ns))).To(Succeed())
			var out []string
			for _, e := range list.Items {
				if e.Regarding.Kind == "User" {
					out = append(out, e.Type+" "+e.Reason)
				}
			}
			return out
		}
		Eventually(about).Should(ContainElement("Normal Applied"))
		Expect(strings.Join(about(), ";")).To(MatchRegexp("^(Normal WaitingFor(Broker|Pods);)?Normal Applied$"))
		change(u, func(u *v1alpha1.User) { u.Spec.Authentication.Password.PasswordHash = "$7$nonsense" })
		Eventually(about).Should(ContainElement("Warning InvalidPasswordHash"))
	})
})

var _ = Describe("the wait for pods", func() {
	It("counts from the first question about a revision", func() {
		l, key, start := &loads{}, client.ObjectKey{Name: "edge"}, time.Unix(0, 0)
		Expect(l.waiting(key, "a", start)).To(BeZero())
		Expect(l.waiting(key, "a", start.Add(time.Second))).To(Equal(time.Second))
		Expect(l.waiting(key, "b", start.Add(2*time.Second))).To(BeZero())
		l.forget(key)
		Expect(l.waiting(key, "b", start.Add(3*time.Second))).To(BeZero())
	})
})
