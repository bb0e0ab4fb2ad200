package controllers

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

var _ = Describe("broker pods", func() {
	It("run where the restricted pod security standard is enforced", func() {
		ns := newNamespace(map[string]string{"pod-security.kubernetes.io/enforce": "restricted"})
		b := newReadyBroker(ns, func(b *v1alpha1.Broker) {
			b.Spec.Listeners = []v1alpha1.ListenerSpec{{ListenerSettings: config.ListenerSettings{Name: "https", Protocol: config.ProtocolWSS, Port: 443}}}
		})
		// It is enforced: the same pod with one right more is refused.
		pod := &corev1.Pod{}
		Expect(cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: b.Name + "-0"}, pod)).To(Succeed())
		more := &corev1.Pod{Spec: *pod.Spec.DeepCopy()}
		more.Namespace, more.Name, more.Spec.NodeName = ns, "more", ""
		more.Spec.Containers[0].SecurityContext.AllowPrivilegeEscalation = new(true)
		Expect(cluster.Create(ctx, more)).To(MatchError(ContainSubstring("violates PodSecurity")))
	})

	It("are given neither a token of the cluster's nor the CA's key", func() {
		ns := newNamespace(nil)
		b := newReadyBroker(ns, func(b *v1alpha1.Broker) { b.Spec.TLS.ClientAuth = config.ClientAuthRequest })
		sts := &appsv1.StatefulSet{}
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), sts)).To(Succeed())
		spec := sts.Spec.Template.Spec
		Expect(spec.AutomountServiceAccountToken).To(HaveValue(BeFalse()))
		mounted, _ := json.Marshal(spec.Volumes)
		Expect(string(mounted)).To(ContainSubstring(children.ServerTLSName(b)))
		for _, name := range []string{children.CAKeyName(b), children.OperatorTLSName(b), children.AdminTokensName(b), "serviceAccountToken"} {
			Expect(string(mounted)).NotTo(ContainSubstring(`"` + name + `"`))
		}
	})
})

var _ = Describe("secrets", Ordered, func() {
	withoutOperator()

	It("are in no log, event or status", func() {
		ns := newNamespace(nil)
		DeferCleanup(abandon, ns)
		newBroker(ns, func(b *v1alpha1.Broker) { b.Spec.TLS.ClientAuth = config.ClientAuthRequest })
		newUser(ns, "alice", func(u *v1alpha1.User) {
			u.Spec.Authentication.ClientCertificate = &v1alpha1.UserCertificate{}
			u.Spec.Authentication.Password.Scram = []config.EnhancedMethod{config.ScramSHA256}
		})
		Expect(cluster.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "mine", Namespace: ns}, Data: map[string][]byte{"password": []byte("opensesame-of-bob")},
		})).To(Succeed())
		newUser(ns, "bob", func(u *v1alpha1.User) {
			u.Spec.Authentication.Password.SecretRef = &v1alpha1.SecretKeyRef{Name: "mine"}
		})

		var told bytes.Buffer
		before := ctx
		DeferCleanup(func() { ctx = before })
		// From 8 on, which no setting of the operator reaches, client-go logs the bodies of its requests.
		ctx = logr.NewContext(context.WithoutCancel(ctx), logr.FromSlogHandler(slog.NewJSONHandler(&told, &slog.HandlerOptions{Level: slog.Level(-7)})))
		p := newPasses(ns)
		heard := events.NewFakeRecorder(1000)
		p.broker.(*BrokerReconciler).reporter.events = heard
		p.user.(*UserReconciler).reporter.events = heard
		Expect(p.settle()).To(Succeed())
		for _, annotation := range []string{v1alpha1.AnnotationRotatePassword, v1alpha1.AnnotationForceRenew} {
			change(named(&v1alpha1.User{}, ns, "alice"), func(u *v1alpha1.User) { u.Annotations = map[string]string{annotation: "now"} })
			Expect(p.settle()).To(Succeed())
		}
		Expect(told.String()).To(ContainSubstring("issuing a client certificate"), "it does log")
		for len(heard.Events) > 0 {
			told.WriteString(<-heard.Events)
		}
		for _, list := range []client.ObjectList{&v1alpha1.BrokerList{}, &v1alpha1.UserList{}, &corev1.ConfigMapList{}, &corev1.PodList{}} {
			Expect(cluster.List(ctx, list, client.InNamespace(ns))).To(Succeed())
			Expect(json.NewEncoder(&told).Encode(list)).To(Succeed())
		}
		Expect(secretsTold(ns, told.String())).To(BeEmpty())
		Expect(secretsTold(ns, "a password: opensesame-of-bob")).NotTo(BeEmpty(), "it would be found")
	})
})

// secretsTold are the names and keys of the Secrets of a namespace a line of whose content, but for what is public, is in text.
func secretsTold(ns, text string) (told []string) {
	GinkgoHelper()
	var list corev1.SecretList
	Expect(cluster.List(ctx, &list, client.InNamespace(ns))).To(Succeed())
	Expect(len(list.Items)).To(BeNumerically(">", 5))
	public := map[string]bool{keyUsername: true, keyHost: true, keyPort: true, keyURI: true, "manifest.json": true}
	for _, s := range list.Items {
		for key, content := range s.Data {
			if public[key] || strings.HasPrefix(key, "client-certs") || key == children.KeyLedger {
				continue
			}
			for line := range strings.Lines(string(content)) {
				line = strings.TrimSpace(line)
				if len(line) < 12 || strings.HasPrefix(line, "-----") {
					continue
				}
				if strings.Contains(text, line) {
					told = append(told, s.Name+" "+key+": "+line)
				}
			}
		}
	}
	return told
}
