package controllers

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

var _ = Describe("a Broker's volume", func() {
	var ns string
	BeforeEach(func() { ns = newNamespace(nil) })

	// class is a StorageClass of the spec's own.
	class := func(expands bool) *string {
		GinkgoHelper()
		c := &storagev1.StorageClass{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "class-"}, Provisioner: "example.com/none", AllowVolumeExpansion: &expands,
		}
		Expect(cluster.Create(ctx, c)).To(Succeed())
		return &c.Name
	}
	// bound is the claim of the Broker's pod, as the controllers of StatefulSets and volumes make it.
	bound := func(size, class string) *corev1.PersistentVolumeClaim {
		GinkgoHelper()
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "data-edge-0", Namespace: ns, Labels: map[string]string{
			"app.kubernetes.io/name": "dunlin-broker", "app.kubernetes.io/instance": "edge",
		}}}
		claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
		claim.Spec.StorageClassName, claim.Spec.VolumeName = &class, "a-volume"
		storage := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}
		claim.Spec.Resources.Requests = storage
		Expect(cluster.Create(ctx, claim)).To(Succeed())
		claim.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound, Capacity: storage, AccessModes: claim.Spec.AccessModes}
		Expect(cluster.Status().Update(ctx, claim)).To(Succeed())
		return claim
	}
	asks := func(claim *corev1.PersistentVolumeClaim) func() string {
		return func() string {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(claim), claim)).To(Succeed())
			return claim.Spec.Resources.Requests.Storage().String()
		}
	}
	set := func(b *v1alpha1.Broker) *appsv1.StatefulSet {
		GinkgoHelper()
		sts := &appsv1.StatefulSet{}
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), sts)).To(Succeed())
		return sts
	}
	grow := func(b *v1alpha1.Broker, size string) {
		GinkgoHelper()
		change(b, func(b *v1alpha1.Broker) { b.Spec.Persistence.Size = resource.MustParse(size) })
	}
	// orphaned does the garbage collector's part of an orphaning delete.
	orphaned := func(old *appsv1.StatefulSet) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			g.Expect(cluster.Get(ctx, client.ObjectKeyFromObject(old), old)).To(Succeed())
			g.Expect(old.DeletionTimestamp).NotTo(BeNil())
		}).Should(Succeed())
		Expect(old.Finalizers).To(ConsistOf(metav1.FinalizerOrphanDependents), "or its pods and volumes would go with it")
		old.Finalizers = nil
		Expect(cluster.Update(ctx, old)).To(Succeed())
	}

	It("grows in place: the claim first, then a StatefulSet in the old one's stead", func() {
		fast := class(true)
		b := newReadyBroker(ns, func(b *v1alpha1.Broker) { b.Spec.Persistence.StorageClassName = fast })
		claim := bound("1Gi", *fast)
		old := set(b)
		grow(b, "2Gi")
		Eventually(asks(claim)).Should(Equal("2Gi"))
		orphaned(old)
		Eventually(func(g Gomega) {
			g.Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), old)).To(Succeed())
			g.Expect(old.UID).NotTo(Equal(b.UID))
			g.Expect(old.DeletionTimestamp).To(BeNil())
			g.Expect(old.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage().String()).To(Equal("2Gi"))
		}).Should(Succeed())

		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "edge-0", Namespace: ns}}
		change(pod, func(p *corev1.Pod) { // as the StatefulSet's controller adopts it
			p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(old, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))}
		})
		settle(b)
		Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
		Expect(messageOf(b, v1alpha1.ConditionReconciling)()).To(Equal("Volume data-edge-0 grows from 1Gi to 2Gi"))
		Eventually(func() error {
			asks(claim)()
			claim.Status.Capacity[corev1.ResourceStorage] = resource.MustParse("2Gi")
			return cluster.Status().Update(ctx, claim)
		}).Should(Succeed())
		Eventually(conditionOf(b, v1alpha1.ConditionReconciling)).Should(BeEmpty())
		Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), b)).To(Succeed())
		Expect(b.Status.VolumeSize.String()).To(Equal("2Gi"))
	})

	It("says that its class does not let it grow, goes on with the rest, and lets the size be set back", func() {
		slow := class(false)
		b := newReadyBroker(ns, func(b *v1alpha1.Broker) { b.Spec.Persistence.StorageClassName = slow })
		claim := bound("1Gi", *slow)
		uid := set(b).UID
		grow(b, "2Gi")
		Eventually(conditionOf(b, v1alpha1.ConditionStalled)).Should(Equal("True VolumeNotExpandable"))
		Expect(messageOf(b, v1alpha1.ConditionReady)()).To(HavePrefix(
			"spec.persistence.size: volume data-edge-0 has 1Gi and cannot grow to 2Gi: let its StorageClass allow it (allowVolumeExpansion), or set the size back: "))
		change(b, func(b *v1alpha1.Broker) { b.Spec.MQTT.ReceiveMaximum = 7 })
		Eventually(func() string { return configOf(ns) }).Should(ContainSubstring("receiveMaximum: 7"))
		Expect(asks(claim)()).To(Equal("1Gi"))
		Expect(set(b).UID).To(Equal(uid))

		grow(b, "1Gi")
		settle(b)
		Eventually(func() string { settle(b); return conditionOf(b, v1alpha1.ConditionReady)() }).Should(Equal("True AsExpected"))
		Expect(set(b).UID).To(Equal(uid))
	})

	It("is taken over by a Broker made anew, larger or smaller than it", func() {
		fast := class(true)
		claim := bound("1Gi", *fast)
		b := newReadyBroker(ns, func(b *v1alpha1.Broker) { b.Spec.Persistence.Size = resource.MustParse("3Gi") })
		Eventually(asks(claim)).Should(Equal("3Gi"))
		Expect(cluster.Delete(ctx, b)).To(Succeed())
		for _, child := range childrenOf(b) {
			Expect(client.IgnoreNotFound(cluster.Delete(ctx, child))).To(Succeed())
		}
		again := newBroker(ns, nil)
		Eventually(func() string {
			Expect(cluster.Get(ctx, client.ObjectKeyFromObject(again), again)).To(Succeed())
			if again.Status.VolumeSize == nil {
				return ""
			}
			return again.Status.VolumeSize.String()
		}).Should(Equal("3Gi"))
		Expect(asks(claim)()).To(Equal("3Gi"), "a volume never shrinks")
	})

	It("goes with the Broker if that is asked for, and never with a StatefulSet that is replaced", func() {
		fast := class(true)
		b := newReadyBroker(ns, func(b *v1alpha1.Broker) { b.Spec.Persistence.StorageClassName = fast })
		policy := func() appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy {
			return *set(b).Spec.PersistentVolumeClaimRetentionPolicy
		}
		Expect(policy()).To(Equal(appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: "Retain", WhenScaled: "Retain"}))
		change(b, func(b *v1alpha1.Broker) { b.Spec.Persistence.WhenDeleted = v1alpha1.VolumeDelete })
		Eventually(policy).Should(Equal(appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{WhenDeleted: "Delete", WhenScaled: "Retain"}))
		settle(b)
		claim := bound("1Gi", *fast)
		old := set(b)
		change(claim, func(c *corev1.PersistentVolumeClaim) { // as the StatefulSet's controller does
			c.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "edge", UID: old.UID}}
		})
		grow(b, "2Gi")
		Eventually(func() string { return string(policy().WhenDeleted) }).Should(Equal("Retain"))
		settle(b)
		Consistently(func() *metav1.Time { return set(b).DeletionTimestamp }).Should(BeNil(), "a claim is still the StatefulSet's")
		change(claim, func(c *corev1.PersistentVolumeClaim) { c.OwnerReferences = nil })
		orphaned(old)
		Eventually(func(g Gomega) {
			g.Expect(cluster.Get(ctx, client.ObjectKeyFromObject(b), old)).To(Succeed())
			g.Expect(string(old.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted)).To(Equal("Delete"))
			g.Expect(old.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage().String()).To(Equal("2Gi"))
		}).Should(Succeed())
	})
})
