package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/cluster/clustertest"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

const (
	secretPath = "/api/v1/namespaces/plant/secrets/edge-operator-tls"
	podsPath   = "/api/v1/namespaces/plant/pods"
)

// fixture is an API server with the Broker plant/edge behind it.
type fixture struct {
	*clustertest.Server
	cluster *Cluster
	admin   string // the address of its admin API
}

func (f *fixture) pods(pods ...corev1.Pod) {
	f.Put(podsPath, &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: pods})
}

// start is a fixture whose admin API takes and gives backups.
func start(t *testing.T, taken *[]byte, given []byte) *fixture {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{Server: clustertest.New(t), admin: ln.Addr().String()}
	_ = ln.Close()
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), children.AdminServerName)
	ca, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := keypairtest.New(t, "operator")
	sum := sha256.Sum256(keypairtest.Pair(t, cert, key).Leaf.RawSubjectPublicKeyInfo)
	f.Put(secretPath, &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		Data:     map[string][]byte{corev1.TLSCertKey: cert, corev1.TLSPrivateKeyKey: key, children.KeyCA: ca},
	})
	f.pods(pod("edge-0", corev1.PodRunning, false))
	f.Lead(children.AdminPort, f.admin)
	serving := make(served, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- admin.Serve(ctx, config.Admin{
			Address: f.admin, CertFile: certFile, KeyFile: keyFile, ClientKeyPins: []string{hex.EncodeToString(sum[:])},
		}, admin.Deps{
			Ready: func() error { return nil }, AuthRevision: func() string { return "r" },
			Log:     slog.New(slog.NewTextHandler(serving, nil)),
			Backup:  func(_ context.Context, w io.Writer) error { _, err := w.Write(given); return err },
			Restore: func(_ context.Context, r io.Reader) (err error) { *taken, err = io.ReadAll(r); return err },
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	<-serving
	if f.cluster, err = ofConfig(&rest.Config{Host: f.URL}, "plant"); err != nil {
		t.Fatal(err)
	}
	return f
}

// served is told of the first line of a log.
type served chan struct{}

func (s served) Write(p []byte) (int, error) {
	select {
	case s <- struct{}{}:
	default:
	}
	return len(p), nil
}

func pod(name string, phase corev1.PodPhase, deleted bool) corev1.Pod {
	p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.PodStatus{Phase: phase}}
	if deleted {
		p.DeletionTimestamp = new(metav1.Now())
	}
	return p
}

func TestPortForward(t *testing.T) {
	var taken []byte
	content := bytes.Repeat([]byte("dunlin"), 1<<20)
	target := start(t, &taken, content).cluster.Target("edge")
	if target.Name != "Broker plant/edge" || target.Logs != "kubectl -n plant logs statefulset/edge" {
		t.Errorf("target %+v", target)
	}
	c, err := target.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if s, err := c.Status(t.Context()); err != nil || s.AuthRevision != "r" || s.Instance == "" {
		t.Errorf("status %+v, %v", s, err)
	}
	var got bytes.Buffer
	if n, err := c.Backup(t.Context(), &got); err != nil || n != int64(len(content)) || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("backup of %d bytes, %v", n, err)
	}
	if err := c.Restore(t.Context(), bytes.NewReader(content), int64(len(content))); err != nil || !bytes.Equal(taken, content) {
		t.Errorf("restored %d bytes, %v", len(taken), err)
	}
}

func TestConnectRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*fixture)
		want   string
	}{
		{"no Broker", func(f *fixture) { f.Put(secretPath, nil) },
			"there is no Broker edge in namespace plant, or the operator has not seen it yet: Secret edge-operator-tls is not there"},
		{"no right to read Secrets", func(f *fixture) { f.Deny(secretPath) }, "read Secret plant/edge-operator-tls: you may not"},
		{"a Secret with nothing in it", func(f *fixture) {
			f.Put(secretPath, &corev1.Secret{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}})
		}, "use Secret plant/edge-operator-tls: read the client's certificate"},
		{"no pod", func(f *fixture) { f.pods() }, "the Broker has no pod: is spec.replicas 0"},
		{"a pod that waits", func(f *fixture) { f.pods(pod("edge-0", corev1.PodPending, false)) }, "pod edge-0 does not run: it is Pending"},
		{"a pod that goes", func(f *fixture) { f.pods(pod("edge-0", corev1.PodRunning, true)) }, "pod edge-0 does not run: it is Terminating"},
		{"no right to forward", func(f *fixture) { f.Deny(podsPath + "/edge-0/portforward") }, "forward a port to pod plant/edge-0: "},
		{"an admin port that is closed", func(f *fixture) { f.Lead(children.AdminPort, "127.0.0.1:1") }, "connection to the pod's port refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := start(t, nil, nil)
			test.change(f)
			c, err := f.cluster.Target("edge").Connect(t.Context())
			if err == nil {
				defer c.Close()
				_, err = c.Status(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestPick(t *testing.T) {
	name, err := pick([]corev1.Pod{pod("a", corev1.PodRunning, true), pod("b", corev1.PodPending, false), pod("c", corev1.PodRunning, false)})
	if name != "c" || err != nil {
		t.Errorf("%q, %v", name, err)
	}
}

// TestOpen: cluster and namespace come from where kubectl takes them, and the flags go first.
func TestOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	t.Setenv("KUBECONFIG", file)
	if _, err := Open(Options{}); err == nil {
		t.Error("no cluster: no error")
	}
	const kubeconfig = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: x, context: {cluster: c, namespace: plant}}, {name: two, context: {cluster: c}}]
current-context: x
`
	if err := os.WriteFile(file, []byte(kubeconfig), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]Options{
		"Broker plant/edge": {}, "Broker field/edge": {Namespace: "field"}, "Broker default/edge": {Context: "two"},
	} {
		if c, err := Open(o); err != nil || c.Target("edge").Name != want {
			t.Errorf("%+v: %v, %v, want %q", o, c, err, want)
		}
	}
	if _, err := Open(Options{Context: "z"}); err == nil || !strings.Contains(err.Error(), `"z"`) {
		t.Errorf("another context: %v", err)
	}
	if _, err := Open(Options{Kubeconfig: file + ".none"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}
