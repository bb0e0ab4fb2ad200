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

	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// forward opens a port of this machine that leads to the admin port of a pod, until closed is called.
// What goes wrong on the way it tells said.
func (r *reach) forward(ctx context.Context, pod string, said *troubles) (address string, closed func(), err error) {
	at := r.core.Post().Namespace(r.broker.Namespace).Resource("pods").Name(pod).SubResource("portforward").URL()
	dialer, err := r.dialer(at)
	if err != nil {
		return "", nil, err
	}
	open, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ready, ended := make(chan struct{}), make(chan error, 1)
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(logr.NewContext(open, logr.New(said)), dialer, []string{"127.0.0.1"},
		[]string{fmt.Sprintf("0:%d", children.AdminPort)}, ready, io.Discard, io.Discard)
	if err != nil {
		cancel()
		return "", nil, err
	}
	over := make(chan struct{})
	go func() { defer close(over); ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		return "", nil, err
	case <-ctx.Done():
		cancel() // nobody waits for ended: a dialler knows no context, and may take its time
		return "", nil, context.Cause(ctx)
	}
	closed = func() { cancel(); <-over }
	ports, err := forwarder.GetPorts()
	if err != nil {
		closed()
		return "", nil, err
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[0].Local), closed, nil
}

// dialer speaks to the API server by WebSocket, and by SPDY to one that is too old for that or behind a proxy.
func (r *reach) dialer(at *url.URL) (httpstream.Dialer, error) {
	transport, upgrader, err := spdy.RoundTripperFor(r.config)
	if err != nil {
		return nil, err
	}
	bySPDY := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, at)
	byWebSocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(at, r.config)
	if err != nil {
		return nil, err
	}
	return portforward.NewFallbackDialerForStreaming(byWebSocket, bySPDY, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
