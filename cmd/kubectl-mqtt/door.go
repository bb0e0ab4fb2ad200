package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mqtt"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// door is a listener that can be dialled.
type door struct {
	name     string // of the listener
	address  string // host:port, of this machine
	secured  bool
	path     string // of its WebSocket; "": it is none
	roots    *x509.CertPool
	hostname string // that the certificate should have
	close    func()
	trouble  func() error // what the way to it knows of an error; nil: nothing
}

// door finds the listener, and opens the way to it.
func (o *mqttOptions) door(ctx context.Context, p place) (*door, error) {
	if p.state != nil {
		return o.localDoor(ctx, p)
	}
	b, err := p.cluster.Broker(ctx, p.broker)
	if err != nil {
		return nil, err
	}
	known := make([]choice, len(b.Spec.Listeners))
	for i, l := range b.Spec.Listeners {
		known[i] = choice{l.Name, l.Protocol, fmt.Sprint(l.Port), l.Path}
		if l.Protocol == "" {
			known[i].protocol = config.ProtocolMQTTS
		}
	}
	l, err := o.choose(known)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(b.Spec.Listeners, func(spec v1alpha1.ListenerSpec) bool { return spec.Name == l.name })
	hostname, _ := children.Address(b, b.Spec.Listeners[i])
	d := l.door(hostname)
	if d.secured && o.caFile == "" {
		if d.roots, err = p.cluster.Roots(ctx, b); err != nil {
			return nil, err
		}
	}
	var port int32
	if _, err := fmt.Sscan(l.address, &port); err != nil {
		return nil, err // it was printed above
	}
	forwarded, err := p.cluster.Forward(ctx, b, port)
	if err != nil {
		return nil, err
	}
	d.address, d.close, d.trouble = forwarded.Address, forwarded.Close, forwarded.Trouble
	return d, nil
}

// localDoor asks the broker where it listens, and finds what it is to be trusted by in the state folder.
func (o *mqttOptions) localDoor(ctx context.Context, p place) (*door, error) {
	c, err := p.target.Connect(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	overview, err := c.Overview(ctx)
	if err != nil {
		return nil, err
	}
	var known []choice
	for _, l := range overview.Listeners {
		if _, _, err := net.SplitHostPort(l.Address); err == nil { // it is no unix socket
			known = append(known, choice{l.Name, config.Protocol(l.Protocol), l.Address, l.Path})
		}
	}
	l, err := o.choose(known)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(l.address)
	if err != nil {
		return nil, fmt.Errorf("listener %s: %w", l.name, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	d := l.door("localhost")
	d.address, d.close, d.trouble = net.JoinHostPort(host, port), func() {}, func() error { return nil }
	if d.secured && o.caFile == "" {
		d.roots, err = p.state.Roots()
	}
	return d, err
}

// choice is a listener that there is.
type choice struct {
	name     string
	protocol config.Protocol
	address  string
	path     string // of WebSockets; "": the default
}

// door is what is known of the way through it.
func (l *choice) door(hostname string) *door {
	d := &door{name: l.name, secured: l.protocol.Secure(), hostname: hostname}
	if l.protocol.WebSocket() {
		d.path = cmp.Or(l.path, config.DefaultPath)
	}
	return d
}

// listenerDefault is how help says what choose does.
const listenerDefault = "(default the first of MQTTS, or else of MQTT, WSS, WS)"

// choose is the listener to use: the one that was asked for, or the first of the protocol that costs least and is safe.
func (o *mqttOptions) choose(known []choice) (choice, error) {
	for _, protocol := range []config.Protocol{config.ProtocolMQTTS, config.ProtocolMQTT, config.ProtocolWSS, config.ProtocolWS} {
		for _, l := range known {
			if l.protocol == protocol && (o.listener == "" || o.listener == l.name) {
				return l, nil
			}
		}
	}
	names := make([]string, len(known))
	for i, l := range known {
		names[i] = l.name + " (" + string(l.protocol) + ")"
	}
	if len(names) == 0 {
		return choice{}, errors.New("the broker has no listener")
	}
	return choice{}, fmt.Errorf("the broker has no listener %s, only %s", o.listener, strings.Join(names, ", "))
}

func (o *mqttOptions) tls(d *door, certificate *tls.Certificate) (*tls.Config, error) {
	c := &tls.Config{RootCAs: d.roots, ServerName: d.hostname, MinVersion: tls.VersionTLS12}
	if o.serverName != "" {
		c.ServerName = o.serverName
	}
	if o.caFile != "" {
		pem, err := os.ReadFile(o.caFile)
		if err != nil {
			return nil, fmt.Errorf("read CA: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read CA: there is no certificate in %s", o.caFile)
		}
	}
	if certificate != nil {
		c.Certificates = []tls.Certificate{*certificate}
	}
	if o.certFile != "" {
		pair, err := tls.LoadX509KeyPair(o.certFile, o.keyFile)
		if err != nil {
			return nil, fmt.Errorf("read the client's certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// way is how to come through a door.
func (o *mqttOptions) way(d *door, certificate *tls.Certificate) (options mqtt.Options, err error) {
	options.Address, options.Path = d.address, d.path
	if d.secured {
		options.TLS, err = o.tls(d, certificate)
	}
	return options, err
}
