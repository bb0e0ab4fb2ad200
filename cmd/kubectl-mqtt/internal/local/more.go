package local

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
)

// moreCertificates puts the certificates beside the one of all listeners into files. The result has those whose Secrets are there.
func (s *State) moreCertificates(b *v1alpha1.Broker, secret func(namespace, name string) *corev1.Secret, now time.Time) (map[string]config.CertificateFiles, error) {
	files := map[string]config.CertificateFiles{}
	for _, name := range children.MoreSecrets(b) {
		from := secret(b.Namespace, name)
		if from == nil {
			continue
		}
		pair := pki.Pair{CertPEM: from.Data[corev1.TLSCertKey], KeyPEM: from.Data[corev1.TLSPrivateKeyKey]}
		if _, err := pki.CheckPair(pair, nil, nil, now); err != nil {
			return nil, fmt.Errorf("check Secret %s/%s: %w", b.Namespace, name, err)
		}
		cert, key := children.MoreKeys(name)
		files[name] = config.CertificateFiles{CertFile: s.path(cert), KeyFile: s.path(key)}
		if err := writePair(s.path(cert), s.path(key), pair); err != nil {
			return nil, err
		}
	}
	return files, nil
}
