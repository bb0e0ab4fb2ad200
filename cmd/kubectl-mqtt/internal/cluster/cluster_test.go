package cluster

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/dunlin-mqtt/dunlin/broker/admin"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/adminapi"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// apiServer is as much of an API server as a port-forward needs: a Secret, pods, and their ports.
type apiServer struct {
	*testing.T
	secret *corev1.Secret
	pods   []corev1.Pod
	admin  string // where the admin port of pods leads
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api/v1/namespaces/plant/secrets/edge-operator-tls":
		if a.secret == nil {
			a.answer(w, http.StatusNotFound, &metav1.Status{
				TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Reason: metav1.StatusReasonNotFound, Code: 404,
			})
			return
		}
		a.answer(w, http.StatusOK, a.secret)
	case "/api/v1/namespaces/plant/pods":
		if got, want := r.URL.Query().Get("labelSelector"), "app.kubernetes.io/instance=edge"; !strings.Contains(got, want) {
			a.Errorf("pods are selected by %q, want %q in it", got, want)
		}
		a.answer(w, http.StatusOK, &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: a.pods})
	case "/api/v1/namespaces/plant/pods/edge-0/portforward":
		a.forward(w, r)
	default:
		a.answer(w, http.StatusForbidden, &metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Reason: metav1.StatusReasonForbidden, Code: 403,
			Message: "you may not",
		})
	}
}

func (a *apiServer) answer(w http.ResponseWriter, status int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(object); err != nil {
		a.Error(err)
	}
}

// forward speaks SPDY only, so that the client has to fall back to it.
func (a *apiServer) forward(w http.ResponseWriter, r *http.Request) {
	if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
		return // it has answered
	}
	streams := make(chan httpstream.Stream, 100)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(s httpstream.Stream, _ <-chan struct{}) error {
		streams <- s
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // a test's
	var failed httpstream.Stream
	for {
		select {
		case <-conn.CloseChan():
			return
		case s := <-streams:
			if s.Headers().Get(corev1.PortHeader) != "8081" {
				a.Errorf("port %s is asked for", s.Headers().Get(corev1.PortHeader))
			}
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				failed = s
				continue
			}
			go pipe(s, failed, a.admin)
		}
	}
}

// pipe connects a stream with the admin port.
func pipe(s, failed httpstream.Stream, address string) {
	defer failed.Close() //nolint:errcheck // a test's
	defer s.Close()      //nolint:errcheck // a test's
	c, err := net.Dial("tcp", address)
	if err != nil {
		_, _ = io.WriteString(failed, "connection to the pod's port refused")
		return
	}
	defer c.Close() //nolint:errcheck // a test's
	go func() {
		_, _ = io.Copy(c, s)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(s, c)
}

// start is an API server, and the Broker plant/edge behind it, whose admin API takes and gives backups.
func start(t *testing.T, taken *[]byte, given []byte) (*apiServer, adminapi.Target) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &apiServer{T: t, admin: ln.Addr().String()}
	_ = ln.Close()
	certFile, keyFile := keypairtest.Write(t, t.TempDir(), children.AdminServerName)
	ca, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	cert, key := keypairtest.New(t, "operator")
	sum := sha256.Sum256(keypairtest.Pair(t, cert, key).Leaf.RawSubjectPublicKeyInfo)
	a.secret = &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		Data:     map[string][]byte{corev1.TLSCertKey: cert, corev1.TLSPrivateKeyKey: key, children.KeyCA: ca},
	}
	a.pods = []corev1.Pod{pod("edge-0", corev1.PodRunning, false)}
	serving := make(served, 1)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- admin.Serve(ctx, config.Admin{
			Address: a.admin, CertFile: certFile, KeyFile: keyFile, ClientKeyPins: []string{hex.EncodeToString(sum[:])},
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
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	target, err := target(&rest.Config{Host: s.URL}, "plant", "edge")
	if err != nil {
		t.Fatal(err)
	}
	return a, target
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
	_, target := start(t, &taken, content)
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
		change func(*apiServer)
		want   string
	}{
		{"no Broker", func(a *apiServer) { a.secret = nil },
			"there is no Broker edge in namespace plant, or the operator has not seen it yet: Secret edge-operator-tls is not there"},
		{"a Secret with nothing in it", func(a *apiServer) { a.secret.Data = nil }, "use Secret plant/edge-operator-tls: read the client's certificate"},
		{"no pod", func(a *apiServer) { a.pods = nil }, "the Broker has no pod: is spec.replicas 0"},
		{"a pod that waits", func(a *apiServer) { a.pods = []corev1.Pod{pod("edge-0", corev1.PodPending, false)} }, "pod edge-0 does not run: it is Pending"},
		{"a pod that goes", func(a *apiServer) { a.pods = []corev1.Pod{pod("edge-0", corev1.PodRunning, true)} }, "pod edge-0 does not run: it is Terminating"},
		{"no right to forward", func(a *apiServer) { a.pods = []corev1.Pod{pod("other-0", corev1.PodRunning, false)} }, "forward a port to pod plant/other-0: "},
		{"an admin port that is closed", func(a *apiServer) { a.admin = "127.0.0.1:1" }, "connection to the pod's port refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, target := start(t, nil, nil)
			test.change(a)
			c, err := target.Connect(t.Context())
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

// TestTarget: cluster and namespace come from where kubectl takes them, and the flags go first.
func TestTarget(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	t.Setenv("KUBECONFIG", file)
	if _, err := Target(Options{}, "edge"); err == nil {
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
		if target, err := Target(o, "edge"); err != nil || target.Name != want {
			t.Errorf("%+v: %q, %v, want %q", o, target.Name, err, want)
		}
	}
	if _, err := Target(Options{Context: "z"}, "edge"); err == nil || !strings.Contains(err.Error(), `"z"`) {
		t.Errorf("another context: %v", err)
	}
	if _, err := Target(Options{Kubeconfig: file + ".none"}, "edge"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}
