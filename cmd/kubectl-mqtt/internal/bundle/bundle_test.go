package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// made is the files of a bundle.
func made(t *testing.T, hidden []string, fill func(*Bundle)) map[string]string {
	t.Helper()
	var out bytes.Buffer
	b := New(&out, "f", hidden, time.Unix(0, 0))
	fill(b)
	if _, err := b.Close(); err != nil {
		t.Fatal(err)
	}
	gz, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(gz); ; {
		head, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[strings.TrimPrefix(head.Name, "f/")] = string(content)
	}
}

// TestSecretsAreRemoved: by value, by form and by field; and what looks like one and is none stays.
func TestSecretsAreRemoved(t *testing.T) {
	const secret = "s3cr3t-value"
	user := v1alpha1.User{ObjectMeta: metav1.ObjectMeta{
		Name: "alice", ManagedFields: []metav1.ManagedFieldsEntry{{Manager: secret}},
		Annotations: map[string]string{"kubectl.kubernetes.io/last-applied-configuration": `{"passwordHash":"` + secret + `"}`, "team": "plant"},
	}}
	user.Spec.Authentication.Password.PasswordHash = "$7$101$c2FsdA==$aGFzaA=="
	withRef := user
	withRef.Spec.Authentication.Password = v1alpha1.PasswordSource{SecretRef: &v1alpha1.SecretKeyRef{Name: "alice-secret", Key: "password"}}
	pod := corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Env: []corev1.EnvVar{{Name: "X", Value: secret}, {Name: "GOMEMLIMIT", Value: "400"}}}}}}
	kept := corev1.Secret{TypeMeta: metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"}, Data: map[string][]byte{"password": []byte(secret)}}
	log := strings.Join([]string{
		"-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nMHcCAQEF", // cut off
	}, "\n")
	files := made(t, []string{secret, "short"}, func(b *Bundle) {
		b.Object("users.yaml", []v1alpha1.User{user, withRef}, nil)
		b.Object("pod.yaml", pod, nil)
		b.Object("secret.yaml", kept, nil)
		b.Text("key.log", []byte(log), nil)
		b.Text("text.log", []byte("the value "+secret+" and alice:$7$101$c2FsdA==$aGFzaA== and $argon2id$v=19$m=1,t=1$c2E$aGE\n"+
			"Authorization: Bearer abcdefgh12345 password=hunter2 token: \"t0k3n\" SCRAM-SHA-256$4096:c2FsdA==$a2V5:a2V5\n"+
			"eyJhbGciOiJI.eyJzdWIiOiIx.c2ln\nshortcake client_id=sensor-1 reason=\"wrong password\" secretName: edge-ca password:\n  generate: {}\n"), nil)
		b.Missing("x", errors.New("read "+secret))
	})
	for name, content := range files {
		for _, text := range []string{secret, "c2FsdA", "aGFzaA", "MHcCAQE", "hunter2", "t0k3n", "abcdefgh12345", "eyJ", "c3Izcj", "m=1,t=1"} {
			if strings.Contains(content, text) {
				t.Errorf("%s has %q:\n%s", name, text, content)
			}
		}
	}
	for name, wants := range map[string][]string{
		"users.yaml":  {"name: alice-secret", "key: password", "team: plant", "passwordHash: (removed)"},
		"pod.yaml":    {"name: X", "value: \"400\""},
		"text.log":    {"shortcake client_id=sensor-1 reason=\"wrong password\" secretName: edge-ca password:\n  generate: {}\n"},
		"MISSING.txt": {"x: read (removed)\n"},
	} {
		for _, want := range wants {
			if !strings.Contains(files[name], want) {
				t.Errorf("%s has no %q:\n%s", name, want, files[name])
			}
		}
	}
}

// TestMissing: what cannot be had is listed, and what is too large is cut and said to be.
func TestMissing(t *testing.T) {
	files := made(t, nil, func(b *Bundle) {
		b.most = 20
		b.JSON("a.json", nil, errors.New("forbidden\nreally"))
		b.Text("b.log", []byte("half"), errors.New("broke off"))
		b.Text("c.log", bytes.Repeat([]byte("x"), 21), nil)
		b.JSON("d.json", map[string]int{"n": 1}, nil)
		b.JSON("e.json", func() {}, nil)
	})
	want := map[string]string{
		"b.log": "half", "c.log": strings.Repeat("x", 20), "d.json": "{\n  \"n\": 1\n}",
		"MISSING.txt": "a.json: forbidden really\nb.log: broke off\nc.log: only its first 20 bytes are here\ne.json: json: unsupported type: func()\n",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Errorf("%.2000s", diff)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestDiskFull(t *testing.T) {
	b := New(full{}, "f", nil, time.Now())
	b.Text("a", bytes.Repeat([]byte("y"), 1<<20), nil)
	if _, err := b.Close(); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Error(err)
	}
}
