package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mqtt"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
)

// mqttOptions say as whom, and through which listener, a command connects as a client.
type mqttOptions struct {
	targetOptions
	as, username, passwordFile string
	anonymous                  bool
	listener, clientID         string
	certFile, keyFile          string
	caFile, serverName         string
}

func (o *mqttOptions) flags(cmd *cobra.Command) {
	o.targetOptions.flags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.as, "as", "", "User to connect as, name or namespace/name (default the only one there is)")
	flags.StringVarP(&o.username, "username", "u", "", "user name to connect with, where there is no User; needs --password-file")
	flags.StringVar(&o.passwordFile, "password-file", "", "file with the password of --username; its first line")
	flags.BoolVar(&o.anonymous, "anonymous", false, "connect without a user name")
	flags.StringVar(&o.listener, "listener", "", "name of the listener (default one of MQTTS, or else of MQTT)")
	flags.StringVarP(&o.clientID, "id", "i", "", "client identifier (default kubectl-mqtt- and a random part)")
	flags.StringVar(&o.certFile, "cert", "", "client certificate in PEM, where the listener asks for one")
	flags.StringVar(&o.keyFile, "key", "", "key of --cert in PEM")
	flags.StringVar(&o.caFile, "cafile", "", "CA to trust in PEM (default the Broker's)")
	flags.StringVar(&o.serverName, "server-name", "", "name that the broker's certificate has to have (default the Service's; localhost with --state-dir)")
	cmd.MarkFlagsMutuallyExclusive("as", "username", "anonymous")
	cmd.MarkFlagsRequiredTogether("username", "password-file")
	cmd.MarkFlagsRequiredTogether("cert", "key")
}

// door is a listener that can be dialled.
type door struct {
	name     string // of the listener
	address  string // host:port, of this machine
	secured  bool
	roots    *x509.CertPool
	hostname string // that the certificate should have
	close    func()
	trouble  func() error // what the way to it knows of an error; nil: nothing
}

// options are how to connect to the broker, and who does, for messages. Whoever calls it calls closed.
func (o *mqttOptions) options(ctx context.Context, p place) (options mqtt.Options, d *door, err error) {
	var who mqtt.Credentials
	if !o.anonymous {
		if who, err = o.credentials(ctx, p); err != nil {
			return options, nil, err
		}
	}
	if d, err = o.door(ctx, p); err != nil {
		return options, nil, err
	}
	options = mqtt.Options{Address: d.address, Connect: packet.Connect{ClientID: o.clientID, CleanStart: true}}
	if o.clientID == "" {
		options.Connect.ClientID = "kubectl-mqtt-" + strings.ToLower(rand.Text()[:8])
	}
	who.Put(&options.Connect)
	if d.secured {
		if options.TLS, err = o.tls(d, who.Certificate); err != nil {
			d.close()
			return options, nil, err
		}
	}
	return options, d, nil
}

// dial connects. It explains the errors that have a remedy.
func dial(ctx context.Context, o mqtt.Options, d *door) (*mqtt.Client, error) {
	c, err := mqtt.Dial(ctx, o)
	var wrongName x509.HostnameError
	var refused *mqtt.RefusedError
	switch {
	case err == nil:
		return c, nil
	case errors.As(err, &wrongName):
		names := strings.Join(wrongName.Certificate.DNSNames, ", ")
		return nil, fmt.Errorf("%w: say which of its names to expect with --server-name (%s)", err, names)
	case errors.As(err, &refused):
		who := "a client without a user name"
		if o.Connect.HasUsername {
			who = "user " + o.Connect.Username
		}
		return nil, fmt.Errorf("listener %s refuses %s: %w", d.name, who, err)
	case d.trouble() != nil:
		return nil, fmt.Errorf("%w: %w", err, d.trouble())
	}
	return nil, fmt.Errorf("listener %s: %w", d.name, err)
}

// credentials are what the User has, or the command line.
func (o *mqttOptions) credentials(ctx context.Context, p place) (mqtt.Credentials, error) {
	if o.username != "" {
		password, err := readSecret(o.passwordFile)
		return mqtt.Credentials{Username: o.username, Password: password}, err
	}
	user := o.as
	if p.state != nil {
		if user == "" {
			names, err := p.state.Users()
			if user, err = onlyUser(names, err); err != nil {
				return mqtt.Credentials{}, err
			}
		}
		return p.state.Credentials(user)
	}
	b, err := p.cluster.Broker(ctx, p.broker)
	if err != nil {
		return mqtt.Credentials{}, err
	}
	if user == "" {
		users, _, err := p.cluster.Users(ctx, b)
		var names []string
		for _, u := range users {
			name := u.Name
			if u.Namespace != b.Namespace {
				name = u.Namespace + "/" + name
			}
			names = append(names, name)
		}
		if user, err = onlyUser(names, err); err != nil {
			return mqtt.Credentials{}, err
		}
	}
	return p.cluster.Credentials(ctx, b, user)
}

// onlyUser is the one of names, where there is no choice.
func onlyUser(names []string, err error) (string, error) {
	const most = 10
	switch {
	case err != nil:
		return "", err
	case len(names) == 1:
		return names[0], nil
	case len(names) == 0:
		return "", errors.New("the broker has no User: say who connects, with --username and --password-file, or --anonymous")
	}
	more := ""
	if len(names) > most {
		names, more = names[:most], ", ..."
	}
	return "", fmt.Errorf("say who connects: --as one of %s%s, or --username, or --anonymous", strings.Join(names, ", "), more)
}

// readSecret is the first line of a file.
func readSecret(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("read password: %w", err)
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxPassword+2))
	if err != nil {
		return nil, fmt.Errorf("read password: %w", err)
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return checkPassword(bytes.TrimSuffix(line, []byte("\r")))
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
	var known []choice
	for _, l := range b.Spec.Listeners {
		protocol := l.Protocol
		if protocol == "" {
			protocol = config.ProtocolMQTTS
		}
		known = append(known, choice{l.Name, string(protocol), fmt.Sprint(l.Port)})
	}
	l, err := o.choose(known)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(b.Spec.Listeners, func(spec v1alpha1.ListenerSpec) bool { return spec.Name == l.name })
	hostname, _ := children.Address(b, b.Spec.Listeners[i])
	d := &door{name: l.name, secured: l.protocol == string(config.ProtocolMQTTS), hostname: hostname}
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
		known = append(known, choice{l.Name, l.Protocol, l.Address})
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
	d := &door{name: l.name, secured: l.protocol == string(config.ProtocolMQTTS), address: net.JoinHostPort(host, port), hostname: "localhost"}
	d.close, d.trouble = func() {}, func() error { return nil }
	if d.secured && o.caFile == "" {
		d.roots, err = p.state.Roots()
	}
	return d, err
}

// choice is a listener that there is.
type choice struct{ name, protocol, address string }

// choose is the listener to use.
func (o *mqttOptions) choose(known []choice) (choice, error) {
	var names []string
	for _, protocol := range []config.Protocol{config.ProtocolMQTTS, config.ProtocolMQTT} {
		for _, l := range known {
			if l.protocol == string(protocol) && (o.listener == "" || o.listener == l.name) {
				return l, nil
			}
		}
	}
	for _, l := range known {
		names = append(names, l.name+" ("+l.protocol+")")
	}
	if o.listener == "" {
		return choice{}, fmt.Errorf("the broker has no listener of MQTT or MQTTS, only %s", strings.Join(names, ", "))
	}
	return choice{}, fmt.Errorf("the broker has no listener %s of MQTT or MQTTS, only %s", o.listener, strings.Join(names, ", "))
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
