package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// Forwarded is a port of this machine that leads to one of a pod, until Close.
type Forwarded struct {
	Address string // 127.0.0.1:port
	Close   func()
	// Trouble is what went wrong on the way, which a connection through it does not say; nil: nothing.
	Trouble func() error
}

// Forward opens a port that leads to port of the Broker's pod. Only the Broker's name and namespace are looked at.
func (c *Cluster) Forward(ctx context.Context, b *v1alpha1.Broker, port int32) (*Forwarded, error) {
	pods, err := c.Pods(ctx, b)
	if err != nil {
		return nil, err
	}
	pod, err := pick(pods)
	if err != nil {
		return nil, err
	}
	f, err := c.forward(ctx, b.Namespace, pod, port)
	if err != nil {
		return nil, fmt.Errorf("forward a port to pod %s/%s: %w", b.Namespace, pod, err)
	}
	return f, nil
}

func (c *Cluster) forward(ctx context.Context, namespace, pod string, port int32) (*Forwarded, error) {
	dialer, err := c.dialer(c.core.Post().Namespace(namespace).Resource("pods").Name(pod).SubResource("portforward").URL())
	if err != nil {
		return nil, err
	}
	said := &troubles{}
	open, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ready, ended := make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(logr.NewContext(open, logr.New(said)), dialer, []string{"127.0.0.1"},
		[]string{fmt.Sprintf("0:%d", port)}, ready, io.Discard, io.Discard)
	if err != nil {
		cancel()
		return nil, err
	}
	over := make(chan struct{})
	go func() { defer close(over); ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		return nil, err
	case <-ctx.Done():
		cancel() // nobody waits for ended: a dialler knows no context, and may take its time
		return nil, context.Cause(ctx)
	}
	closed := func() { cancel(); <-over }
	ports, err := forwarder.GetPorts()
	if err != nil {
		closed()
		return nil, err
	}
	return &Forwarded{Address: fmt.Sprintf("127.0.0.1:%d", ports[0].Local), Close: closed, Trouble: said.Last}, nil
}

// dialer speaks to the API server by WebSocket, and by SPDY to one that is too old for that or behind a proxy.
func (c *Cluster) dialer(at *url.URL) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	bySPDY := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, at)
	byWebSocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(at, c.config)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(byWebSocket, bySPDY, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
