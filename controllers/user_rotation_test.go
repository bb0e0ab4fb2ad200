package controllers

import (
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
)

var _ = Describe("a User's password that changes", func() {
	var ns string
	var u *v1alpha1.User
	BeforeEach(func() {
		ns = newNamespace(nil)
		newReadyBroker(ns, nil)
	})

	plain := func() string { return string(secretData(ns, "alice-mqtt")()["password"]) }
	// good are the passwords of those given that the bundle lets alice in with.
	good := func(passwords ...string) func() []string {
		return func() []string {
			out := []string{}
			for _, p := range passwords {
				for _, content := range bundleFiles(ns) {
					for line := range strings.Lines(content) {
						hash, ok := strings.CutPrefix(strings.TrimSpace(line), "alice:")
						if !ok {
							continue
						}
						if is, err := password.Verify(hash, []byte(p)); err == nil && is {
							out = append(out, p)
						}
					}
				}
			}
			return out
		}
	}
	start := func(every, grace int64, scram ...config.EnhancedMethod) {
		GinkgoHelper()
		u = newUser(ns, "alice", func(u *v1alpha1.User) {
			u.Spec.Authentication.Password = v1alpha1.PasswordSource{
				Generate: &v1alpha1.GeneratePassword{RotateEverySeconds: every}, GracePeriodSeconds: grace, Scram: scram,
			}
		})
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))
	}
	wake := func(group string) { change(u, func(u *v1alpha1.User) { u.Spec.Groups = []string{group} }) }
	status := func() v1alpha1.UserStatus {
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(u), u)).To(Succeed())
		return u.Status
	}

	It("is generated anew on schedule; the one of before works until its time is over", func() {
		start(3600, 600, config.ScramSHA256)
		first := plain()
		Expect(status().NextRotation.Time).To(BeTemporally("~", clock.Now().Add(time.Hour), time.Minute))
		Expect(conditionOf(u, v1alpha1.ConditionPasswordChanging)()).To(BeEmpty())
		clock.Advance(61 * time.Minute)
		wake("a")
		Eventually(plain).ShouldNot(Equal(first))
		second := plain()
		Eventually(good(first, second)).Should(Equal([]string{first, second}))
		Expect(strings.Count(bundleText(ns)(), "alice:SCRAM-SHA-256$")).To(Equal(2))
		Eventually(conditionOf(u, v1alpha1.ConditionPasswordChanging)).Should(Equal("True GracePeriod"))
		until := status().PreviousPasswordUntil
		Expect(until.Time).To(BeTemporally("~", clock.Now().Add(10*time.Minute), time.Minute))
		Eventually(conditionOf(u, v1alpha1.ConditionReady)).Should(Equal("True Applied"))

		clock.Advance(11 * time.Minute)
		wake("b")
		Eventually(good(first, second)).Should(Equal([]string{second}))
		Eventually(conditionOf(u, v1alpha1.ConditionPasswordChanging)).Should(BeEmpty())
		Expect(status().PreviousPasswordUntil).To(BeNil())
		Expect(plain()).To(Equal(second))
	})

	It("ends by itself, with nobody to wake the operator", func() {
		start(0, 3)
		first := plain()
		change(u, func(u *v1alpha1.User) {
			metav1.SetMetaDataAnnotation(&u.ObjectMeta, v1alpha1.AnnotationRotatePassword, "now")
		})
		Eventually(plain).ShouldNot(Equal(first))
		Eventually(good(first)).Should(Equal([]string{first}))
		Eventually(good(first)).Should(BeEmpty())
	})

	It("is generated anew once for each value of the annotation", func() {
		start(0, 0)
		first := plain()
		rotate := func(value string) {
			change(u, func(u *v1alpha1.User) {
				metav1.SetMetaDataAnnotation(&u.ObjectMeta, v1alpha1.AnnotationRotatePassword, value)
			})
		}
		rotate("1")
		Eventually(plain).ShouldNot(Equal(first))
		second := plain()
		Eventually(good(first, second)).Should(Equal([]string{second}))
		restart()
		wake("a")
		Eventually(bundleText(ns)).Should(ContainSubstring(`\"groups\":[\"a\"]`))
		Expect(plain()).To(Equal(second))
		rotate("2")
		Eventually(plain).ShouldNot(Equal(second))
	})

	It("may be edited in its Secret, with the same grace", func() {
		start(0, 600)
		first := plain()
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "alice-mqtt", Namespace: ns}}
		change(s, func(s *corev1.Secret) { s.Data["password"] = []byte("my own") })
		Eventually(good(first, "my own")).Should(Equal([]string{first, "my own"}))
		change(u, func(u *v1alpha1.User) { u.Spec.Authentication.Password.GracePeriodSeconds = 0 })
		Eventually(good(first, "my own")).Should(Equal([]string{"my own"}))
	})
})
