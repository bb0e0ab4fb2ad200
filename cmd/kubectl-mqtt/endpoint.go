package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dunlin-mqtt/dunlin/broker/packet"
	"github.com/dunlin-mqtt/dunlin/cmd/kubectl-mqtt/internal/mqtt"
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
	flags.StringVar(&o.listener, "listener", "", "name of the listener "+listenerDefault)
	flags.StringVarP(&o.clientID, "id", "i", "", "client identifier (default kubectl-mqtt- and a random part)")
	flags.StringVar(&o.certFile, "cert", "", "client certificate in PEM, where the listener asks for one")
	flags.StringVar(&o.keyFile, "key", "", "key of --cert in PEM")
	flags.StringVar(&o.caFile, "cafile", "", "CA to trust in PEM (default the Broker's)")
	flags.StringVar(&o.serverName, "server-name", "", "name that the broker's certificate has to have (default the Service's; localhost with --state-dir)")
	o.completeFlag(cmd, "as", userObjects)
	o.completeFlag(cmd, "listener", listenerNames)
	cmd.MarkFlagsMutuallyExclusive("as", "username", "anonymous")
	cmd.MarkFlagsRequiredTogether("username", "password-file")
	cmd.MarkFlagsRequiredTogether("cert", "key")
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
	if options, err = o.way(d, who.Certificate); err != nil {
		d.close()
		return options, nil, err
	}
	options.Connect = packet.Connect{ClientID: o.clientID, CleanStart: true}
	if o.clientID == "" {
		options.Connect.ClientID = "kubectl-mqtt-" + strings.ToLower(rand.Text()[:8])
	}
	who.Put(&options.Connect)
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
	if user == "" {
		names, err := p.users(ctx)
		if user, err = onlyUser(names, err); err != nil {
			return mqtt.Credentials{}, err
		}
	}
	if p.state != nil {
		return p.state.Credentials(user)
	}
	b, err := p.cluster.Broker(ctx, p.broker)
	if err != nil {
		return mqtt.Credentials{}, err
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
