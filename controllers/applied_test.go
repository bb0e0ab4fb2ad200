package controllers

import (
	"crypto/sha256"
	"encoding/hex"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
)

var _ = Describe("the view of a bundle", func() {
	sum := func(content string) string {
		s := sha256.Sum256([]byte(content))
		return hex.EncodeToString(s[:])
	}
	DescribeTable("is whole only if manifest and shard fit", func(files map[string][]byte, manifest map[string]string, want bool) {
		Expect(vouches(config.Manifest{Files: manifest}, files, 7)).To(Equal(want))
	},
		Entry("both empty", nil, nil, true),
		Entry("another shard's file", nil, map[string]string{"passwd-08": sum("x")}, true),
		Entry("the same", map[string][]byte{"passwd-07": []byte("x")}, map[string]string{"passwd-07": sum("x")}, true),
		Entry("the shard is newer", map[string][]byte{"passwd-07": []byte("y")}, map[string]string{"passwd-07": sum("x")}, false),
		Entry("the shard is new", map[string][]byte{"passwd-07": []byte("x")}, nil, false),
		Entry("the shard is gone", nil, map[string]string{"acls-07.json": sum("x")}, false),
	)

	It("does not take a shard for written that the manifest doesn't vouch for", func() {
		b := &v1alpha1.Broker{ObjectMeta: metav1.ObjectMeta{Name: "edge", Namespace: "iot"}}
		secret := func(name, file, content string) *corev1.Secret {
			return &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "iot"}, Data: map[string][]byte{file: []byte(content)},
			}
		}
		scheme, err := Scheme()
		Expect(err).NotTo(HaveOccurred())
		shard := secret("edge-auth-07", "passwd-07", "alice:$7$new")
		for content, want := range map[string]string{"alice:$7$new": "r1", "alice:$7$old": ""} {
			manifest := secret("edge-auth", "manifest.json", `{"revision": "r1", "files": {"passwd-07": "`+sum(content)+`"}}`)
			c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(shard.DeepCopy(), manifest).Build()
			view, err := applier{Client: c}.bundle(ctx, b, 7)
			Expect(err).NotTo(HaveOccurred())
			Expect(view.written).To(Equal(want))
		}
	})

	DescribeTable("decides Applied", func(in, was bool, written, loaded, want string) {
		v := bundleView{broker: &v1alpha1.Broker{}, written: written, loaded: loaded}
		Expect(v.applied(in, was).reason).To(Equal(want))
	},
		Entry("not in the bundle", false, false, "a", "a", "WaitingForBroker"),
		Entry("was loaded, but is not in the bundle any more", false, true, "a", "a", "WaitingForBroker"),
		Entry("no bundle", true, true, "", "", "WaitingForBroker"),
		Entry("in the bundle, not loaded", true, false, "b", "a", "WaitingForPods"),
		Entry("loaded", true, false, "a", "a", "Applied"),
		Entry("was loaded, and a newer revision is under way", true, true, "b", "a", "Applied"),
	)
})
