package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// collector puts what the collector of spans asks for into files, whose paths it returns ("": the Broker names none, or it is not
// there), and says what is not there. A broker serves as well without.
func (s *State) collector(b *v1alpha1.Broker, secret func(namespace, name string) *corev1.Secret) (headers, cas string, notes []string, err error) {
	for _, f := range []struct {
		to                 *string
		secret, key, state string
	}{
		{&headers, b.Spec.Tracing.HeadersSecretName, children.KeyHeaders, "tracing-headers"},
		{&cas, b.Spec.Tracing.CASecretName, children.KeyCA, "tracing-ca.crt"},
	} {
		if f.secret == "" {
			continue
		}
		found := secret(b.Namespace, f.secret)
		if found == nil || len(found.Data[f.key]) == 0 {
			if err := os.Remove(s.path(f.state)); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a Secret that was
				return "", "", nil, err
			}
			notes = append(notes, fmt.Sprintf("%s tells its collector no spans: there is no Secret %s/%s with a key %s among the files", name(b), b.Namespace, f.secret, f.key))
		} else if err := writeIfNew(s.path(f.state), found.Data[f.key]); err != nil {
			return "", "", nil, err
		}
		*f.to = s.path(f.state)
	}
	return headers, cas, notes, nil
}
