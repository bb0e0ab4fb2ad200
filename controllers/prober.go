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

// PodProber asks a broker pod which users and ACLs it enforces.
type PodProber interface {
	// AuthRevision is the revision of the auth bundle that the pod has loaded; "" is none yet.
	AuthRevision(ctx context.Context, pod *corev1.Pod, client *tls.Config) (string, error)
}

// AdminProber asks over the broker's admin API, with mutual TLS. Its zero value works.
type AdminProber struct{}

// AuthRevision is the answer of GET /v1/status.
func (AdminProber) AuthRevision(ctx context.Context, pod *corev1.Pod, client *tls.Config) (string, error) {
	if pod.Status.PodIP == "" {
		return "", errors.New("the pod has no address yet")
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	address := net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(children.AdminPort)))
	return authRevision(ctx, address, client)
}

func authRevision(ctx context.Context, address string, client *tls.Config) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/v1/status", nil)
	if err != nil {
		return "", fmt.Errorf("make the request: %w", err)
	}
	transport := &http.Transport{TLSClientConfig: client, DisableKeepAlives: true}
	res, err := transport.RoundTrip(req) // no redirects: a broker has none to give
	if err != nil {
		return "", fmt.Errorf("ask %s: %w", address, err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask %s: status %s", address, res.Status)
	}
	var status struct {
		AuthRevision string `json:"authRevision"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxProbeBytes)).Decode(&status); err != nil {
		return "", fmt.Errorf("decode the answer of %s: %w", address, err)
	}
	return status.AuthRevision, nil
}
