package controllers

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

const (
	// probeTimeout bounds one question to one pod.
	probeTimeout = 2 * time.Second
	// maxProbeBytes bounds its answer.
	maxProbeBytes = 64 << 10
)

// PodProber asks a broker pod what it works by.
type PodProber interface {
	// Loaded is what the pod goes by at the moment.
	Loaded(ctx context.Context, pod *corev1.Pod, client *tls.Config) (Loaded, error)
}

// Loaded is what a pod goes by, as its admin API says it.
type Loaded struct {
	// AuthRevision is the revision of the auth bundle; "" is none yet.
	AuthRevision string `json:"authRevision"`
	// ClientTrust is config.ClientTrustSum of what client certificates are verified by; "" is nothing.
	ClientTrust string `json:"clientTrust"`
	// ConfigRevision is the configuration file's: config.Revision.
	ConfigRevision string `json:"configRevision"`
	// NotReady says why the broker does not serve; "": it does.
	NotReady string `json:"notReady"`
}

// AdminProber asks over the broker's admin API, with mutual TLS. Its zero value works.
type AdminProber struct{}

// Loaded is the answer of GET /v1/status.
func (AdminProber) Loaded(ctx context.Context, pod *corev1.Pod, client *tls.Config) (Loaded, error) {
	if pod.Status.PodIP == "" {
		return Loaded{}, errors.New("the pod has no address yet")
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	address := net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(children.AdminPort)))
	return loaded(ctx, address, client)
}

func loaded(ctx context.Context, address string, client *tls.Config) (Loaded, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/v1/status", nil)
	if err != nil {
		return Loaded{}, fmt.Errorf("make the request: %w", err)
	}
	transport := &http.Transport{TLSClientConfig: client, DisableKeepAlives: true}
	res, err := transport.RoundTrip(req) // no redirects: a broker has none to give
	if err != nil {
		return Loaded{}, fmt.Errorf("ask %s: %w", address, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return Loaded{}, fmt.Errorf("ask %s: status %s", address, res.Status)
	}
	var status Loaded
	if err := json.NewDecoder(io.LimitReader(res.Body, maxProbeBytes)).Decode(&status); err != nil {
		return Loaded{}, fmt.Errorf("decode the answer of %s: %w", address, err)
	}
	return status, nil
}
