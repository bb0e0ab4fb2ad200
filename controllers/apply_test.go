package controllers

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

var _ = Describe("a child that the cache still shows", func() {
	withoutOperator()

	var (
		ns    string
		owner *corev1.ConfigMap
		seen  *corev1.Secret
	)
	labels := map[string]string{v1alpha1.LabelBroker: "edge"}
	secret := func(data string) *coreac.SecretApplyConfiguration {
		return coreac.Secret("child", ns).WithLabels(labels).WithData(map[string][]byte{"key": []byte(data)})
	}
	// applyStale applies as a pass does that reads what was seen.
	applyStale := func(data string) error {
		stale := interceptor.NewClient(cluster, interceptor.Funcs{
			Get: func(_ context.Context, _ client.WithWatch, _ client.ObjectKey, o client.Object, _ ...client.GetOption) error {
				seen.DeepCopyInto(o.(*corev1.Secret))
				return nil
			},
		})
		return applier{Client: stale, live: cluster}.apply(ctx, owner, secret(data))
	}
	found := func() (*corev1.Secret, error) {
		s := &corev1.Secret{}
		return s, cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: "child"}, s)
	}
	BeforeEach(func() {
		ns = newNamespace(nil)
		owner = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner", Namespace: ns}}
		Expect(cluster.Create(ctx, owner)).To(Succeed())
		Expect(applier{Client: cluster, live: cluster}.apply(ctx, owner, secret("first"))).To(Succeed())
		var err error
		seen, err = found()
		Expect(err).NotTo(HaveOccurred())
	})

	It("is applied to while it is there, whoever has edited it since", func() {
		theirs := seen.DeepCopy()
		theirs.Data["other"] = []byte("theirs")
		Expect(cluster.Update(ctx, theirs)).To(Succeed())
		Expect(applyStale("second")).To(Succeed())
		s, err := found()
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Data).To(Equal(map[string][]byte{"key": []byte("second"), "other": []byte("theirs")}))
	})

	It("does not come back with what was in it once it is deleted", func() {
		Expect(cluster.Delete(ctx, seen.DeepCopy())).To(Succeed())
		err := applyStale("second")
		Expect(apierrors.IsConflict(err)).To(BeTrue(), "%v", err)
		_, err = found()
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
	})

	It("does not come back either when it was read before, and is seen to be gone now", func() {
		Expect(cluster.Delete(ctx, seen.DeepCopy())).To(Succeed())
		err := applier{Client: cluster, live: cluster}.apply(ctx, owner, secret("first").WithResourceVersion(seen.ResourceVersion))
		Expect(apierrors.IsConflict(err)).To(BeTrue(), "%v", err)
		_, err = found()
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
	})

	It("does not overwrite the one that was made in its place", func() {
		Expect(cluster.Delete(ctx, seen.DeepCopy())).To(Succeed())
		Expect(applier{Client: cluster, live: cluster}.apply(ctx, owner, secret("anew"))).To(Succeed())
		err := applyStale("second")
		Expect(apierrors.IsConflict(err)).To(BeTrue(), "%v", err)
		s, err := found()
		Expect(err).NotTo(HaveOccurred())
		Expect(s.Data).To(HaveKeyWithValue("key", []byte("anew")))
	})
})
