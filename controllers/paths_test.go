package controllers

import (
	"fmt"
	"path"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

var _ = Describe("a pod's configuration and its StatefulSet", func() {
	It("speak of the same folders and ports", func() {
		p := (&brokerScope{keyPin: "pin"}).podPaths()
		Expect(p.HealthAddress).To(Equal(fmt.Sprintf(":%d", children.HealthPort)))
		Expect(p.AdminAddress).To(Equal(fmt.Sprintf(":%d", children.AdminPort)))
		Expect(path.Base(p.TLSCertFile)).To(Equal("tls.crt"), "the key of a kubernetes.io/tls Secret")
		Expect(path.Base(p.AdminKeyFile)).To(Equal("tls.key"))
		Expect(path.Dir(p.TLSKeyFile)).To(Equal(path.Dir(p.TLSCertFile)), "one Secret is mounted for both")
		Expect(path.Dir(p.AdminKeyFile)).To(Equal(path.Dir(p.AdminCertFile)))
		Expect(p.AdminTokensFile).To(Equal(path.Join(path.Dir(p.AdminCertFile), children.KeyTokens)))
		Expect(p.ClientKeyPins).To(Equal([]string{"pin"}))
	})
})
