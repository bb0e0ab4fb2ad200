// Package clustertest is as much of an API server as the commands need of one: it answers reads of objects that a test
// gives it, and forwards ports of pods to addresses of this machine. Only tests use it.
package clustertest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// Server is an API server.
type Server struct {
	URL string

	t       *testing.T
	mu      sync.Mutex
	objects map[string]any    // by path; a string is text
	ports   map[string]string // pod port -> address
	denied  map[string]bool   // paths
	cut     chan struct{}     // closed: the port-forwards of now end
}

// New is a server with no objects, of which each read is answered with 404.
func New(t *testing.T) *Server {
	t.Helper()
	s := &Server{t: t, objects: map[string]any{}, ports: map[string]string{}, denied: map[string]bool{}, cut: make(chan struct{})}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.URL = web.URL
	return s
}

// Put answers reads of path with object, or with text if it is a string; nil: with 404.
func (s *Server) Put(path string, object any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects[path] = object; object == nil {
		delete(s.objects, path)
	}
}

// Deny answers path with 403.
func (s *Server) Deny(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denied[path] = true
}

// Lead has port-forwards to a port of any pod lead to address.
func (s *Server) Lead(port int32, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ports[fmt.Sprint(port)] = address
}

// Cut ends all port-forwards, as the end of a pod does.
func (s *Server) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.cut)
	s.cut = make(chan struct{})
}

// Kubeconfig writes one for the server, with that namespace, and returns its path.
func (s *Server) Kubeconfig(namespace string) string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: %q}}]
contexts: [{name: x, context: {cluster: c, namespace: %s}}]
current-context: x
`, s.URL, namespace)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	object, denied := s.objects[r.URL.Path], s.denied[r.URL.Path]
	s.mu.Unlock()
	switch {
	case denied:
		s.answer(w, http.StatusForbidden, status(metav1.StatusReasonForbidden, 403, "you may not"))
	case strings.HasSuffix(r.URL.Path, "/portforward"):
		s.forward(w, r)
	case object == nil:
		s.answer(w, http.StatusNotFound, status(metav1.StatusReasonNotFound, 404, r.URL.Path+" not found"))
	default:
		if text, ok := object.(string); ok {
			_, _ = io.WriteString(w, text)
			return
		}
		s.answer(w, http.StatusOK, object)
	}
}

func status(reason metav1.StatusReason, code int32, message string) *metav1.Status {
	return &metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Reason: reason, Code: code, Message: message,
	}
}

func (s *Server) answer(w http.ResponseWriter, status int, object any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(object); err != nil {
		s.t.Error(err)
	}
}

// forward speaks SPDY only, so that the client has to fall back to it.
func (s *Server) forward(w http.ResponseWriter, r *http.Request) {
	if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
		return // it has answered
	}
	streams := make(chan httpstream.Stream, 100)
	conn := spdy.NewResponseUpgrader().UpgradeResponse(w, r, func(stream httpstream.Stream, _ <-chan struct{}) error {
		streams <- stream
		return nil
	})
	if conn == nil {
		return
	}
	defer conn.Close() //nolint:errcheck // a test's
	s.mu.Lock()
	cut := s.cut
	s.mu.Unlock()
	failed := map[string]httpstream.Stream{}
	for {
		select {
		case <-conn.CloseChan():
			return
		case <-cut:
			return
		case stream := <-streams:
			id := stream.Headers().Get(corev1.PortForwardRequestIDHeader)
			if stream.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				failed[id] = stream
				continue
			}
			s.mu.Lock()
			address := s.ports[stream.Headers().Get(corev1.PortHeader)]
			s.mu.Unlock()
			go pipe(stream, failed[id], address)
		}
	}
}

// pipe connects a stream with a port.
func pipe(stream, failed httpstream.Stream, address string) {
	defer failed.Close() //nolint:errcheck // a test's
	defer stream.Close() //nolint:errcheck // a test's
	c, err := net.Dial("tcp", address)
	if err != nil {
		_, _ = io.WriteString(failed, "connection to the pod's port refused")
		return
	}
	defer c.Close() //nolint:errcheck // a test's
	go func() {
		_, _ = io.Copy(c, stream)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(stream, c)
}
