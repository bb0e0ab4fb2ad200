package controllers

import (
	"encoding/json"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

// newNamespace is a namespace of the spec's own.
func newNamespace(labels map[string]string) string {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "spec-", Labels: labels}}
	Expect(cluster.Create(ctx, ns)).To(Succeed())
	return ns.Name
}

// newBroker creates a Broker with the spec that change leaves; nil is `spec: {}`.
func newBroker(ns string, change func(*v1alpha1.Broker)) *v1alpha1.Broker {
	GinkgoHelper()
	b := &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: ns}}
	if change != nil {
		change(b)
	}
	Expect(cluster.Create(ctx, b)).To(Succeed())
	return b
}

// newReadyBroker is a Broker whose pod runs.
func newReadyBroker(ns string, change func(*v1alpha1.Broker)) *v1alpha1.Broker {
	GinkgoHelper()
	b := newBroker(ns, change)
	startPod(b)
	Eventually(conditionOf(b, v1alpha1.ConditionReady)).Should(Equal("True AsExpected"))
	return b
}

func newUser(ns, name string, change func(*v1alpha1.User)) *v1alpha1.User {
	GinkgoHelper()
	u := &v1alpha1.User{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}}
	u.Spec.BrokerRef.Name = "edge"
	if change != nil {
		change(u)
	}
	Expect(cluster.Create(ctx, u)).To(Succeed())
	return u
}

func newACL(ns, name string, topics ...string) *v1alpha1.ACL {
	GinkgoHelper()
	a := &v1alpha1.ACL{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: ns}}
	a.Spec.BrokerRef.Name = "edge"
	a.Spec.Subjects = []config.Subject{{Kind: config.SubjectUser, Name: "alice"}}
	a.Spec.Rules = []config.Rule{{Actions: []config.Action{config.ActionPublish}, Topics: topics}}
	Expect(cluster.Create(ctx, a)).To(Succeed())
	return a
}

// startPod does the StatefulSet controller's and the kubelet's work: the pod exists and is ready.
func startPod(b *v1alpha1.Broker) {
	GinkgoHelper()
	sts := &appsv1.StatefulSet{}
	Eventually(func() error { return cluster.Get(ctx, client.ObjectKeyFromObject(b), sts) }).Should(Succeed())
	gvk := appsv1.SchemeGroupVersion.WithKind("StatefulSet")
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: sts.Name + "-0", Namespace: sts.Namespace, Labels: sts.Spec.Template.Labels,
		OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(sts, gvk)},
	}, Spec: *sts.Spec.Template.Spec.DeepCopy()}
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data"})
	Expect(client.IgnoreAlreadyExists(cluster.Create(ctx, pod))).To(Succeed())
	Eventually(func() error {
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return err
		}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		return cluster.Status().Update(ctx, pod)
	}).Should(Succeed())
	settle(b)
}

// settle says, as the StatefulSet controller does, that the pods are at the current generation.
func settle(b *v1alpha1.Broker) {
	GinkgoHelper()
	Eventually(func() error {
		sts := &appsv1.StatefulSet{}
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(b), sts); err != nil {
			return err
		}
		n := *sts.Spec.Replicas
		sts.Status = appsv1.StatefulSetStatus{
			ObservedGeneration: sts.Generation, Replicas: n, ReadyReplicas: n, UpdatedReplicas: n, AvailableReplicas: n,
			CurrentRevision: "edge-1", UpdateRevision: "edge-1",
		}
		return cluster.Status().Update(ctx, sts)
	}).Should(Succeed())
}

// conditionOf polls "Status Reason" of a condition; "" while it is not there.
func conditionOf(o client.Object, kind string) func() string {
	return func() string {
		c := fetchCondition(o, kind)
		if c == nil {
			return ""
		}
		return string(c.Status) + " " + c.Reason
	}
}

// messageOf polls the message of a condition.
func messageOf(o client.Object, kind string) func() string {
	return func() string {
		c := fetchCondition(o, kind)
		if c == nil {
			return ""
		}
		return c.Message
	}
}

func fetchCondition(o client.Object, kind string) *metav1.Condition {
	o = o.DeepCopyObject().(client.Object)
	if cluster.Get(ctx, client.ObjectKeyFromObject(o), o) != nil {
		return nil
	}
	return meta.FindStatusCondition(conditionsOf(o), kind)
}

// secretData polls the data of a Secret; nil while there is none.
func secretData(ns, name string) func() map[string][]byte {
	return func() map[string][]byte {
		s := &corev1.Secret{}
		if cluster.Get(ctx, client.ObjectKey{Namespace: ns, Name: name}, s) != nil {
			return nil
		}
		return s.Data
	}
}

// change edits an object as a user does, whatever else happens to it.
func change[T client.Object](o T, edit func(T)) {
	GinkgoHelper()
	Eventually(func() error {
		if err := cluster.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		edit(o)
		return cluster.Update(ctx, o)
	}).Should(Succeed())
}

// bundleFiles are all the files of the auth bundle, by name.
func bundleFiles(ns string) map[string]string {
	var list corev1.SecretList
	Expect(cluster.List(ctx, &list, client.InNamespace(ns))).To(Succeed())
	out := map[string]string{}
	for _, s := range list.Items {
		if len(s.Name) == len("edge-auth-00") && s.Name[:len("edge-auth-")] == "edge-auth-" {
			for name, content := range s.Data {
				out[name] = string(content)
			}
		}
	}
	return out
}

// bundleText is everything in the auth bundle.
func bundleText(ns string) func() string {
	return func() string {
		text, _ := json.Marshal(bundleFiles(ns))
		return string(text)
	}
}
